"""Random regular graphs: every node joined to as many others, no two joined twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.errors import InfeasibleError

Ends = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

ROUNDS = 10_000  # of exchanges; a few suffice, but for graphs with hardly any choice


def random_regular(nodes: int, degree: int, random: np.random.Generator) -> Ends:
    """Return the links of a random simple regular graph, int64[nodes · degree / 2] twice, the lower end first.

    The configuration model with repairs: link ends are paired at random; a pair that joins a node to itself, or two
    that are joined already, exchanges an end with a random other pair. Dense graphs are what a sparse one leaves out.

    Args:
        nodes: how many; ``nodes * degree`` is even.
        degree: below ``nodes``.
        random: the source of chance.

    Raises:
        InfeasibleError: no simple graph was found.
    """
    if 2 * degree >= nodes:
        a, b = np.triu_indices(nodes, 1)
        keep = np.ones(len(a), bool)
        without_a, without_b = random_regular(nodes, nodes - 1 - degree, random) if degree < nodes - 1 else ([], [])
        keep[np.isin(a * nodes + b, np.asarray(without_a) * nodes + without_b)] = False
        return a[keep], b[keep]
    ends = random.permutation(np.repeat(np.arange(nodes), degree)).reshape(-1, 2)
    for _ in range(ROUNDS):
        wrong = _wrong(ends, nodes)
        if not len(wrong):
            return ends.min(axis=1), ends.max(axis=1)
        for link in wrong:
            other = random.integers(len(ends))
            ends[link, 1], ends[other, 1] = ends[other, 1], ends[link, 1]
    raise InfeasibleError(f"scale_out: no simple graph of {nodes:,} routers of degree {degree} was found")


def _wrong(ends: npt.NDArray[np.int64], nodes: int) -> npt.NDArray[np.int64]:
    """Return the links that join a node to itself, and all but the first of those that join the same two."""
    key = ends.min(axis=1) * nodes + ends.max(axis=1)
    first = np.zeros(len(ends), bool)
    first[np.unique(key, return_index=True)[1]] = True
    return np.flatnonzero(~first | (ends[:, 0] == ends[:, 1]))
