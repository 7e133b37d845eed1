"""Names that must never reach a reviewer, and the disguises in which they could."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST_DISGUISE = 12


def disguises(name: str) -> Iterator[bytes]:
    """As it stands, turned round, escaped, encoded, hashed. Letters are compared without case."""
    plain = name.encode()
    yield plain
    yield plain[::-1]
    yield quote(name, safe="").encode()
    yield quote(name.lower(), safe="").encode()
    yield html.escape(name).encode()
    yield json.dumps(name)[1:-1].encode()
    yield plain.hex().encode()
    for spelled in (plain, plain.lower()):
        yield from encoded(spelled)
        yield from hashed(spelled)


def encoded(plain: bytes) -> Iterator[bytes]:
    """Base64 of the name wherever it begins inside a longer text, without the letters its neighbours decide."""
    for shift in range(3):
        padded = bytes(shift) + plain
        whole = base64.b64encode(padded[: len(padded) // 3 * 3])
        inner = whole[4 if shift else 0 :]
        if len(inner) >= SHORTEST_DISGUISE:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def hashed(plain: bytes) -> Iterator[bytes]:
    for method in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512):
        digest = method(plain)
        yield digest.hexdigest().encode()
        yield base64.b64encode(digest.digest()).rstrip(b"=")


class Canaries:
    """`names` are looked for in every disguise, `ids` as they stand."""

    def __init__(self, *, names: Iterable[str], ids: Iterable[object]) -> None:
        self.needles: dict[bytes, str] = {}
        for name in names:
            for disguise in disguises(name):
                self.needles[disguise.lower()] = name
        for number in ids:
            self.needles[str(number).lower().encode()] = str(number)

    def found_in(self, haystack: bytes) -> set[str]:
        lowered = haystack.lower()
        return {name for needle, name in self.needles.items() if needle in lowered}
