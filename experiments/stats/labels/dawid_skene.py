"""True classes and rater error rates from votes alone, by EM."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from experiments.stats import checks
from experiments.stats.checks import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class DawidSkene:
    """Class shares, per rater a matrix P(label | true class), per item P(class) and the most likely class."""

    class_marginals: tuple[float, ...]
    confusion: tuple[tuple[tuple[float, ...], ...], ...]
    posterior: tuple[tuple[float, ...], ...]
    labels: tuple[int, ...]
    log_likelihood: float
    iterations: int
    converged: bool
    n: int
    method: str = "Dawid-Skene EM"
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def dawid_skene(
    items: ArrayLike,
    raters: ArrayLike,
    labels: ArrayLike,
    *,
    classes: int | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """True class of each item and the error rates of each rater, by EM from the vote shares.

    items, raters: one code per vote, numbered 0 .. in the order of the sorted codes; labels: codes 0 .. classes - 1. A
    rater may vote on an item more than once. Stops when the log-likelihood moves by less than `tolerance`.
    Low agreement does not mean poor raters: read their matrices. Source: Dawid & Skene 1979, Applied Statistics 28:20.
    """
    item = checks.codes("items", items)
    rater = checks.codes("raters", raters, length=item.size)
    label = _labels(labels, item.size)
    q = int(label.max()) + 1 if classes is None else checks.positive_count("classes", classes)
    if int(label.max()) >= q:
        raise ValueError(f"labels must be below classes ({q})")
    checks.positive_count("max_iterations", max_iterations)
    sizes = (int(item.max()) + 1, int(rater.max()) + 1, q)
    posterior = _vote_shares(item, label, sizes)
    likelihood, previous, rounds, moved = -math.inf, -math.inf, 0, math.inf
    while rounds < max_iterations and moved >= tolerance:
        rounds += 1
        marginals, confusion = _maximise(posterior, item, rater, label, sizes)
        posterior, likelihood = _expect(marginals, confusion, item, rater, label, sizes)
        moved, previous = abs(likelihood - previous), likelihood
    converged = moved < tolerance
    notes = [] if converged else [f"EM had not settled after {rounds} rounds."]
    if sizes[1] < 3:
        notes.append("Fewer than three raters: error rates and truth cannot be told apart.")
    return DawidSkene(
        class_marginals=_tuple(marginals),
        confusion=tuple(tuple(_tuple(row) for row in one) for one in confusion),
        posterior=tuple(_tuple(row) for row in posterior),
        labels=tuple(int(best) for best in posterior.argmax(axis=1)),
        log_likelihood=likelihood,
        iterations=rounds,
        converged=converged,
        n=item.size,
        warnings=tuple(notes),
    )


def _labels(labels: ArrayLike, length: int) -> Ints:
    label = np.asarray(labels)
    if label.shape != (length,):
        raise ValueError(f"labels has shape {label.shape}, expected ({length},)")
    if not np.issubdtype(label.dtype, np.integer) or label.min() < 0:
        raise ValueError("labels must be codes of at least 0")
    return label.astype(np.int64, copy=False)


def _vote_shares(item: Ints, label: Ints, sizes: tuple[int, int, int]) -> Floats:
    n_items, _, q = sizes
    votes = np.bincount(item * q + label, minlength=n_items * q).reshape(n_items, q).astype(np.float64)
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def _maximise(
    posterior: Floats, item: Ints, rater: Ints, label: Ints, sizes: tuple[int, int, int]
) -> tuple[Floats, Floats]:
    _, n_raters, q = sizes
    cell = rater * q + label
    by_class = [np.bincount(cell, weights=posterior[item, k], minlength=n_raters * q) for k in range(q)]
    counts = np.stack(by_class).reshape(q, n_raters, q).transpose(1, 0, 2)
    totals = counts.sum(axis=2, keepdims=True)
    # a class a rater never met says nothing about that rater: every label alike
    confusion = np.divide(counts, totals, out=np.full_like(counts, 1 / q), where=totals > 0)
    return posterior.mean(axis=0), confusion


def _expect(
    marginals: Floats, confusion: Floats, item: Ints, rater: Ints, label: Ints, sizes: tuple[int, int, int]
) -> tuple[Floats, float]:
    n_items, _, q = sizes
    with np.errstate(divide="ignore"):
        log_confusion, log_marginals = np.log(confusion), np.log(marginals)
    floor = -1e6  # stands for log 0 where infinities would make NaN
    votes = np.maximum(log_confusion[rater, :, label], floor)
    log_joint = np.column_stack([np.bincount(item, weights=votes[:, k], minlength=n_items) for k in range(q)])
    log_joint += np.maximum(log_marginals, floor)
    evidence = special.logsumexp(log_joint, axis=1)
    return np.exp(log_joint - evidence[:, None]), float(evidence.sum())


def _tuple(row: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in row)
