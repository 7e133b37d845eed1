"""People. Their roles are groups, so one person may hold several."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models
from django.db.models import Q


class Role(models.TextChoices):
    REVIEWER = "reviewer", "Reviewer"
    ADMIN = "admin", "Admin"
    LEAD = "lead", "Lead"


class UserQuerySet(models.QuerySet["User"]):
    def with_roles(self) -> "UserQuerySet":
        """Load the role names in the same query as the person."""
        return self.annotate(role_names=ArrayAgg("groups__name", filter=Q(groups__isnull=False), default=[]))

    def having_role(self, role: Role) -> "UserQuerySet":
        return self.filter(groups__name=role.value)

    def blind(self) -> "UserQuerySet":
        """Those who can see no arm anywhere, and so may review."""
        return self.having_role(Role.REVIEWER).exclude(groups__name__in=[Role.ADMIN.value, Role.LEAD.value])


class PeopleManager(UserManager["User"].from_queryset(UserQuerySet)):  # type: ignore[misc]
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)


class User(AbstractUser):
    objects: ClassVar[PeopleManager] = PeopleManager()

    @property
    def roles(self) -> frozenset[str]:
        """Role names; free for people loaded by `with_roles`, as everybody who logs in is."""
        if not hasattr(self, "_roles"):
            names: Any = getattr(self, "role_names", None)
            if names is None:
                names = self.groups.values_list("name", flat=True)
            self._roles = frozenset(names)
        return self._roles

    def has_role(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)
