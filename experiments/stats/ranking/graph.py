"""Who was compared with whom, and what that leaves unknown."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from experiments.stats.checks import Floats, Ints


@dataclass(frozen=True)
class ComparisonGraph:
    components: Ints
    separated: bool
    warnings: tuple[str, ...]


def comparison_graph(wins: Floats, names: tuple[str, ...]) -> ComparisonGraph:
    """wins: row beat column, ties half. `separated`: without a prior some strength would be infinite (Ford 1957)."""
    count, components = connected_components(csr_array((wins + wins.T > 0).astype(np.float64)), directed=False)
    strong, _ = connected_components(csr_array((wins > 0).astype(np.float64)), directed=True, connection="strong")
    notes = []
    if count > 1:
        notes.append(f"The models fall into {count} groups never compared with each other: ranks count within a group.")
    compared = (wins + wins.T).sum(axis=1) > 0
    never_won, never_lost = (wins.sum(axis=1) == 0) & compared, (wins.sum(axis=0) == 0) & compared
    for which, what in ((never_won, "won"), (never_lost, "lost")):
        if which.any():
            listed = ", ".join(names[index] for index in np.flatnonzero(which)[:5])
            notes.append(f"Never {what} a comparison: {listed}. Only the prior bounds the strength there.")
    if strong > count and not (never_won.any() or never_lost.any()):
        notes.append("Some group of models won or lost every comparison with the rest: only the prior bounds the gap.")
    return ComparisonGraph(components.astype(np.int64), bool(strong > count), tuple(notes))
