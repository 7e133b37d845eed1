"""What is known of each criterion, and whether the data are sound: the whole of what `decide` is told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

from experiments.deciding import canonical

VERSION = 1
State = Literal["final", "growing", "hidden", "none"]
Row = TypeVar("Row", bound="Source | Part | Health")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A way to the rows behind a number."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of several numbers that a criterion asks all of: a category, a guardrail.

    A guardrail brings its own threshold and direction, and the unit that its difference is in; of a category they are
    the criterion's.
    """

    name: str
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 0
    n_independent: int | None = None
    threshold: float | None = None
    direction: Literal["at_least", "at_most"] | None = None
    unit: Literal["share", "number"] | None = None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A criterion's number, on the criterion's own scale (see `policy.Criterion.comparison`).

    level is that of the interval; one of another level than the criterion's is scaled as a normal interval would be,
    though never narrowed where it holds at every look. n counts `n_unit`; n_independent the clusters they come in, None
    where each stands by itself. successes: of a plain share of independent trials, else None; spread: the standard
    deviation of one of the n. baseline, candidate: each one's own figure, where there is one. method names the
    interval. state: "final" may decide. "growing" is still being gathered, and decides only where `anytime` says that
    its interval may be read at any look (a confidence sequence, a crossed group-sequential bound), and by the interval
    alone, since the estimate of a look may not. "hidden" is not told yet, "none" is not there; `why_none` says why and
    what to do. sources: the nearest to the rows first.
    With `parts`, the criterion asks each of them, and the numbers above are those of the worst.
    """

    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    level: float = 0.95
    n: int = 0
    n_unit: str = "cases"
    n_independent: int | None = None
    method: str = ""
    spread: float | None = None
    successes: int | None = None
    baseline: float | None = None
    candidate: float | None = None
    warnings: tuple[str, ...] = ()
    state: State = "final"
    anytime: bool = False
    why_none: str = ""
    sources: tuple[Source, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Health:
    """A check of the data. key: one of `policy.HEALTH_CHECKS`, which several rows may share; ok None: not measured."""

    key: str
    title: str
    ok: bool | None
    detail: str = ""
    layer: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """observations: by the key of the criterion; what is missing counts as no evidence."""

    observations: Mapping[str, Observation] = field(default_factory=dict)
    health: tuple[Health, ...] = ()
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "observations": {key: asdict(one) for key, one in self.observations.items()},
            "health": sorted((asdict(one) for one in self.health), key=canonical.canonical),
        }

    def canonical(self) -> bytes:
        return canonical.canonical(self.to_dict())

    @property
    def sha256(self) -> str:
        return canonical.sha256(self.canonical())

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Evidence":
        """What `to_dict` gave. Raises ValueError for another version."""
        if raw.get("version") != VERSION:
            raise ValueError(f"evidence of version {raw.get('version')!r} cannot be read, only of {VERSION}")
        return cls(
            observations={key: observation(one) for key, one in raw["observations"].items()},
            health=tuple(row(Health, one) for one in raw["health"]),
        )


def observation(raw: Mapping[str, Any]) -> Observation:
    known = {one.name: raw[one.name] for one in fields(Observation) if one.name in raw}
    known["warnings"] = tuple(known.get("warnings", ()))
    known["sources"] = tuple(row(Source, one) for one in known.get("sources", ()))
    known["parts"] = tuple(row(Part, one) for one in known.get("parts", ()))
    return Observation(**known)


def row(kind: type[Row], raw: Mapping[str, Any]) -> Row:
    return kind(**{one.name: raw[one.name] for one in fields(kind) if one.name in raw})
