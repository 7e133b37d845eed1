"""Logging in loads a person together with the roles they hold, in one prepared statement."""

from django.contrib.auth.backends import ModelBackend

from evalsite.platform import prepared
from evalsite.platform.instances import Columns
from evalsite.platform.models import User

PERSON = Columns(User, "person")
# By hand, since it runs at every request and building its queryset takes longer than answering it.
WITH_ROLES = f"""
SELECT {PERSON.sql}, ARRAY(
    SELECT name FROM auth_group JOIN platform_user_groups ON group_id = auth_group.id WHERE user_id = person.id
)
FROM platform_user AS person WHERE person.id = %(person)s
"""  # noqa: S608 column names of our own model


class RoleBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        found = prepared.fetch(WITH_ROLES, {"person": user_id})
        if not found:
            return None
        user = PERSON.read(found[0][:-1])
        user.role_names = found[0][-1]  # type: ignore[attr-defined]  # as `with_roles` annotates it
        return user if self.user_can_authenticate(user) else None
