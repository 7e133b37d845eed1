"""Events of production as clients send them: read one by one, each either whole or with the reason why not.

Pure, and on the way of every event: types are asked for by identity, and what is usual is asked first.
"""

from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any

import orjson
from msgspec import DecodeError, Meta, Struct, field
from msgspec.json import Decoder

MOST_IN_A_REQUEST = 500
ID_LENGTH, NAME_LENGTH, UNIT_LENGTH = 100, 100, 200
PROPERTIES_BYTES = 4096
# Between these a sum of millions, and of their squares, stays a number.
LARGEST, SMALLEST = 1e15, 1e-100
EXPOSURE = "exposure"
ARMS = ("control", "treatment")
FIELDS = frozenset(
    ("event_id", "event", "experiment", "unit_id", "conversation_id", "timestamp", "value", "properties")
)
SCALARS = frozenset((str, int, float, bool, type(None)))
NO_PROPERTIES: dict[str, Any] = {}
NEEDED = itemgetter("event_id", "event", "experiment", "unit_id", "timestamp")
from_iso = datetime.fromisoformat


class Event(Struct, frozen=True, gc=False):
    """`body` is what stands in `properties`, as JSON. Holds no cycle, so the garbage collector need not walk it."""

    event_id: str
    name: str
    test: str
    unit_id: str
    conversation_id: str
    at: datetime
    value: float | None
    properties: dict[str, Any]
    body: bytes

    @property
    def arm(self) -> str:
        """What an exposure says its unit saw."""
        return str(self.properties["arm"])


class Malformed(Struct, frozen=True, gc=False):
    """With as much of its names as can be read, so that its sender can find it."""

    event_id: str
    test: str
    unit_id: str
    reason: str


class NotEvents(Exception):
    """The whole is no list of events; says what was expected."""


class Sent(Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    """An event as the decoder finds it, with what it can check on the way."""

    event_id: Annotated[str, Meta(min_length=1, max_length=ID_LENGTH)]
    name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)] = field(name="event")
    test: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH)] = field(name="experiment")
    unit_id: Annotated[str, Meta(min_length=1, max_length=UNIT_LENGTH)]
    timestamp: str
    conversation_id: Annotated[str, Meta(max_length=UNIT_LENGTH)] | None = None
    value: Annotated[float, Meta(ge=-LARGEST, le=LARGEST)] | None = None
    properties: dict[str, str | int | float | bool | None] | None = None


DECODE = Decoder(list[Sent]).decode


def read_body(body: bytes) -> list[Event | Malformed]:
    """Every event of a request, in their order. Raises NotEvents where the whole is no list of them.

    Almost always all of them are as they should be, and then each is decoded, checked and made in one go; else each
    is looked at by itself, for what is wrong with it.
    """
    if b"\\u0000" not in body:
        try:
            return [whole(one) for one in DECODE(body)]
        except (DecodeError, TypeError, ValueError):
            pass
    return [read(raw) for raw in parse(body)]


def whole(sent: Sent) -> Event:
    """Raises what `read` catches where something is wrong that the decoder could not know."""
    at, value, properties = from_iso(sent.timestamp), sent.value, sent.properties
    body = b"{}" if properties is None else orjson.dumps(properties)
    if (
        at.tzinfo is None
        or not 1 < at.year < 9999
        or (value and -SMALLEST < value < SMALLEST)
        or len(body) > PROPERTIES_BYTES
        or b"\\u0000" in body
        or (sent.name == EXPOSURE and (properties is None or properties.get("arm") not in ARMS))
    ):
        raise ValueError
    return Event(
        sent.event_id, sent.name, sent.test, sent.unit_id, sent.conversation_id or "", at, value,
        properties or NO_PROPERTIES, body,
    )  # fmt: skip


def parse(body: bytes) -> list[Any]:
    """A JSON array, or an object with it under "events". Raises NotEvents."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotEvents(f"The body is no JSON: {error}.") from None
    if isinstance(found, dict) and found.keys() == {"events"}:
        found = found["events"]
    if not isinstance(found, list):
        raise NotEvents('Send a JSON array of events, or {"events": [ … ]}.')
    return found


def read(raw: Any) -> Event | Malformed:
    """What is not of its type or not there raises on the way, and is looked for only then."""
    try:
        event_id, name, test, unit_id, timestamp = NEEDED(raw)
        get = raw.get
        conversation_id, value, properties = get("conversation_id"), get("value"), get("properties")
        if conversation_id is None:
            conversation_id = ""
        text = "".join((event_id, name, test, unit_id, conversation_id))
        at = from_iso(timestamp)
        body = b"{}" if properties is None else orjson.dumps(properties)
    except (KeyError, TypeError, ValueError):
        return malformed(raw)
    if (
        0 < len(event_id) <= ID_LENGTH
        and 0 < len(name) <= NAME_LENGTH
        and 0 < len(test) <= NAME_LENGTH
        and 0 < len(unit_id) <= UNIT_LENGTH
        and len(conversation_id) <= UNIT_LENGTH
        and "\0" not in text
        and (text.isascii() or is_utf_8(text))
        and at.tzinfo is not None
        and 1 < at.year < 9999
        and (value is None or is_number(value))
        and (properties is None or is_flat(properties, body))
        and (name != EXPOSURE or (properties is not None and properties.get("arm") in ARMS))
        and raw.keys() <= FIELDS
    ):
        number = None if value is None else float(value)
        return Event(
            event_id, name, test, unit_id, conversation_id, at, number, properties or NO_PROPERTIES, body
        )  # fmt: skip
    return malformed(raw)


def malformed(raw: Any) -> Malformed:
    if type(raw) is not dict:
        return Malformed("", "", "", "an event is a JSON object")
    event_id, test, unit_id = (raw.get(name) for name in ("event_id", "experiment", "unit_id"))
    return Malformed(
        shown(event_id, ID_LENGTH), shown(test, NAME_LENGTH), shown(unit_id, UNIT_LENGTH), what_is_wrong(raw)
    )


def moment(text: Any) -> datetime | None:
    """An ISO time with its zone, else None."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


def is_name(text: Any, longest: int) -> bool:
    """A text that the database can hold and that says something."""
    return type(text) is str and 0 < len(text) <= longest and "\0" not in text and (text.isascii() or is_utf_8(text))


def is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST and (not value or abs(value) >= SMALLEST)


def as_json(properties: Any) -> bytes:
    """b"" for what JSON cannot hold."""
    try:
        return orjson.dumps(properties)
    except TypeError:
        return b""


def is_flat(properties: Any, body: bytes) -> bool:
    return (
        type(properties) is dict
        and 0 < len(body) <= PROPERTIES_BYTES
        and b"\\u0000" not in body
        and SCALARS.issuperset(map(type, properties.values()))
    )


def shown(text: Any, longest: int) -> str:
    return text if is_name(text, longest) else ""


def what_is_wrong(raw: dict[str, Any]) -> str:
    """The first thing that a program must mend; only asked for where something is wrong."""
    if unknown := sorted(str(one) for one in raw.keys() - FIELDS):
        return f"unknown field {unknown[0][:60]!r}"
    needed = (("event_id", ID_LENGTH), ("event", NAME_LENGTH), ("experiment", NAME_LENGTH), ("unit_id", UNIT_LENGTH))
    for name, longest in needed:
        if not is_name(raw.get(name), longest):
            return f"{name} must be a text of 1 to {longest} characters, without NUL"
    conversation = raw.get("conversation_id")
    if conversation is not None and conversation != "" and not is_name(conversation, UNIT_LENGTH):
        return f"conversation_id must be a text of at most {UNIT_LENGTH} characters, without NUL"
    if moment(raw.get("timestamp")) is None:
        return "timestamp must be an ISO time with its zone, such as 2026-01-31T12:00:00Z"
    if raw.get("value") is not None and not is_number(raw["value"]):
        return "value must be a number between -1e15 and 1e15, and 0 or at least 1e-100 away from it"
    properties = raw.get("properties")
    if properties is not None and (type(properties) is not dict or (properties and not as_json(properties))):
        return "properties must be a JSON object"
    if properties and not is_flat(properties, as_json(properties)):
        return (
            f"properties must be flat (texts, numbers, true, false, null), without NUL, and at most "
            f"{PROPERTIES_BYTES:,} bytes of JSON"
        )
    return "an exposure says in properties.arm what its unit saw: control or treatment"
