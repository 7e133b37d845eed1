"""Logging in loads a person together with the roles they hold, in one query."""

from django.contrib.auth.backends import ModelBackend

from evalsite.platform.models import User

# By hand, since it runs at every request and building its queryset takes longer than answering it.
WITH_ROLES = """
SELECT person.*, ARRAY(
    SELECT name FROM auth_group JOIN platform_user_groups ON group_id = auth_group.id WHERE user_id = person.id
) AS role_names
FROM platform_user AS person WHERE person.id = %s
"""


class RoleBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = next(iter(User.objects.raw(WITH_ROLES, [user_id])), None)
        return user if user and self.user_can_authenticate(user) else None
