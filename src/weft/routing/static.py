"""Engineered paths: a file says which switches traffic between two switches passes; all else is hashed.

One line a path: ``src,dst,via``, three columns separated by commas: switches by name (``pod0/leaf3``, or as the list of
links calls them), those on the way in order, separated by blanks. Several lines for one pair share its traffic evenly;
parallel links between two switches of a path do so too. A path with a hop that is down is not used, and a pair with no
path left is routed as one that is not listed. Text after ``#`` is not read.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.fabric import Fabric
from weft.fabric.names import row_of
from weft.routing.paths import Paths, joined
from weft.routing.policy import Policy
from weft.routing.switch_graph import SwitchGraph

_Entries = dict[int, float]


class Static:
    """Paths from a file, and another policy for pairs that it does not list.

    Attributes:
        name: ``static``.
    """

    name = "static"

    def __init__(self, fabric: Fabric, graph: SwitchGraph, path: Path, otherwise: Policy) -> None:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, a line is wrong, or two switches on a path are not joined.
        """
        self.graph, self.otherwise = graph, otherwise
        listed: dict[tuple[int, int], list[_Entries]] = defaultdict(list)
        reader = _Reader(fabric, graph, str(path))
        for number, words in _lines(path):
            switches = [reader.switch(name, number) for name in (words[0], *words[2].split(), words[1])]
            entries = reader.entries(switches, number)
            if entries is not None:
                listed[switches[0], switches[-1]].append(entries)
        pairs = sorted(listed)
        self._pair = np.array([a * len(graph) + b for a, b in pairs], np.int64)
        merged = [_shared(listed[pair]) for pair in pairs]
        self._indptr = np.concatenate([[0], np.cumsum([len(entries) for entries in merged])]).astype(np.int64)
        self._resource = np.array([row for entries in merged for row in entries], np.int32)
        self._share = np.array([share for entries in merged for share in entries.values()], np.float64)

    def between(self, src: npt.NDArray[np.int32], dst: npt.NDArray[np.int32], key: npt.NDArray[np.uint64]) -> Paths:
        """Route flows; see `weft.routing.policy.Policy`."""
        pair = src.astype(np.int64) * len(self.graph) + dst
        at = np.searchsorted(self._pair, pair)
        known = np.isin(pair, self._pair)
        mine, rest = np.flatnonzero(known), np.flatnonzero(~known)
        first, size = self._indptr[at[mine]], np.diff(self._indptr)[at[mine]]
        indptr = np.concatenate([[0], np.cumsum(size)])
        entry = np.arange(indptr[-1]) + np.repeat(first - indptr[:-1], size)
        listed = Paths(indptr, self._resource[entry], self._share[entry], np.zeros(len(mine)), np.ones(len(mine), bool))
        return joined(len(src), [(mine, listed), (rest, self.otherwise.between(src[rest], dst[rest], key[rest]))])


class _Reader:
    def __init__(self, fabric: Fabric, graph: SwitchGraph, path: str) -> None:
        self.fabric, self.graph, self.path = fabric, graph, path
        own = fabric.network.switch_names
        self.named = dict(zip(own, graph.row.tolist(), strict=True)) if len(own) == len(graph) else {}
        joined = graph.number[fabric.links.src], graph.number[fabric.links.dst]
        self.wired = set(zip(joined[0].tolist(), joined[1].tolist(), strict=True))

    def switch(self, name: str, line: int) -> int:
        """Return the number of a named switch."""
        try:
            row = self.named.get(name)
            number = int(self.graph.number[row_of(self.fabric.nodes, name) if row is None else row])
        except ConfigError as error:
            error.file, error.line = self.path, line
            raise
        if number < 0:
            raise ConfigError(f"{name} is no switch of the compute network", file=self.path, line=line)
        return number

    def entries(self, switches: list[int], line: int) -> _Entries | None:
        """Return the links of a path and their shares; None where a hop is down."""
        graph, found = self.graph, {}
        for a, b in pairwise(switches):
            edges = np.arange(graph.indptr[a], graph.indptr[a + 1])
            links = graph.resource[edges[graph.head[edges] == b]]
            if not len(links):
                if (a, b) not in self.wired and self.fabric.network.circuits is None:
                    ends = (self.fabric.node_name(int(graph.row[end])) for end in (a, b))
                    raise ConfigError(f"no link joins {' and '.join(ends)}", file=self.path, line=line)
                return None
            found.update({int(link): 1 / len(links) for link in links})
        return found


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return (number, src, dst and via) of each line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", field="routing.paths") from None
    found = []
    for number, text in enumerate(lines, 1):
        words = [word.strip() for word in text.split("#", 1)[0].split(",")]
        if words == [""] or [word.lower() for word in words] == ["src", "dst", "via"]:
            continue
        if len(words) != 3 or not words[0] or not words[1] or words[0] == words[1]:
            raise ConfigError(
                "a line is src,dst,via, such as leaf0,leaf3,spine1; blanks between several on the way",
                file=str(path),
                line=number,
            )
        found.append((number, words))
    return found


def _shared(paths: list[_Entries]) -> _Entries:
    """Return what several paths put on each link, when each takes as much as any other."""
    total: _Entries = {}
    for entries in paths:
        for row, share in entries.items():
            total[row] = total.get(row, 0.0) + share / len(paths)
    return total
