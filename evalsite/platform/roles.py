"""Logging in loads a person together with the roles they hold, in one query."""

from django.contrib.auth.backends import ModelBackend

from evalsite.platform.models import User


class RoleBackend(ModelBackend):
    def get_user(self, user_id: int) -> User | None:
        user = User.objects.with_roles().filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None
