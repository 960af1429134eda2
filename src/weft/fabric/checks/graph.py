"""Components and cut points of what is wired: plain algorithms over arrays of edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import IntArray, csr


def components(a: IntArray, b: IntArray, count: int) -> npt.NDArray[np.int64]:
    """Return for each of ``count`` vertices the least vertex it is joined with, int64[count].

    Least labels spread over edges and then jump to their label's label, so that a path of n takes about log n rounds.
    """
    label = np.arange(count, dtype=np.int64)
    while True:
        low = np.minimum(label[a], label[b])
        new = label.copy()
        np.minimum.at(new, label[a], low)
        np.minimum.at(new, label[b], low)
        new = new[new]
        while (new[new] != new).any():
            new = new[new]
        if (new == label).all():
            return label
        label = new


def cut_points(a: IntArray, b: IntArray, count: int, terminal: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the vertices whose loss parts terminals that were joined: R. Tarjan's low points, without recursion.

    Args:
        a, b: ends of the edges, no loops, each pair once.
        count: vertices.
        terminal: bool[count], those that must stay joined; one that only loses itself does not count.

    Complexity: vertices + edges, in Python; about a second for a quarter of a million edges.
    """
    indptr, edges = csr(np.concatenate([a, b]), count)
    to, start = np.concatenate([b, a])[edges].tolist(), indptr.tolist()
    order, low, parent, at = [-1] * count, [0] * count, [-1] * count, start[:-1]
    below = terminal.astype(np.int64).tolist()  # terminals in each subtree
    parts, cut_off = [0] * count, [0] * count  # subtrees with terminals that hang on a vertex alone, their terminals
    root_of = np.full(count, -1, np.int64)
    clock = 0
    for root in range(count):
        if order[root] >= 0:
            continue
        order[root] = low[root] = clock
        clock += 1
        stack = [root]
        while stack:
            v = stack[-1]
            if at[v] < start[v + 1]:
                w = to[at[v]]
                at[v] += 1
                if order[w] < 0:
                    order[w] = low[w] = clock
                    clock += 1
                    parent[w] = v
                    stack.append(w)
                elif w != parent[v]:
                    low[v] = min(low[v], order[w])
                continue
            stack.pop()
            root_of[v] = root
            up = parent[v]
            if up >= 0:
                low[up] = min(low[up], low[v])
                below[up] += below[v]
                if low[v] >= order[up] and below[v]:
                    parts[up] += 1
                    cut_off[up] += below[v]
    whole = np.array(below)[root_of]
    rest = whole - np.array(cut_off) - terminal
    parted: npt.NDArray[np.int64] = np.flatnonzero(np.array(parts) + (rest > 0) > 1)
    return parted
