"""Who judged in a file: people who cannot log in, and who are nobody that can."""

from collections.abc import Sequence
from itertools import chain, count

from evalsite.platform.models import User


def usernames_for(names: Sequence[str]) -> dict[str, str]:
    """An account that can log in is somebody else, whatever its name; and two names stay two people."""
    taken, offered = can_log_in(names), set(names)
    found = {name: name for name in names if name not in taken}
    for name in names:
        if name in taken:
            found[name] = first_free(name, avoid=offered | set(found.values()))
    return {name: found[name] for name in names}


def can_log_in(names: Sequence[str]) -> set[str]:
    accounts = User.objects.filter(username__in=names)
    return {user.username for user in accounts if user.is_active or user.has_usable_password()}


def first_free(name: str, *, avoid: set[str]) -> str:
    """The same for the next file too, so that its reviewers are the same people."""
    marks = chain(["(imported)"], (f"(imported {number})" for number in count(2)))
    candidates = (f"{name} {mark}" for mark in marks)
    return next(one for one in candidates if one not in avoid and not can_log_in([one]))


def make(names: Sequence[str]) -> dict[str, int]:
    """The account of each name, made where it is missing."""
    usernames = usernames_for(names)
    kept = set(User.objects.filter(username__in=usernames.values()).values_list("username", flat=True))
    missing = [User(username=one, is_active=False) for one in usernames.values() if one not in kept]
    for user in missing:
        user.set_unusable_password()
    User.objects.bulk_create(missing)
    ids = dict(User.objects.filter(username__in=usernames.values()).values_list("username", "pk"))
    return {name: ids[username] for name, username in usernames.items()}
