"""From communications to transfers on links: all groups that communicate alike, on their real paths.

Every group of a family gets its flows from the algorithm that the library would choose for it, and every flow its path
from the router. O(flows · path length), in whole arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from weft.collectives import Library
from weft.collectives.flows import Flows
from weft.collectives.layout import Layout
from weft.collectives.model import Choice, choose
from weft.engines.fluid.classes import Entries
from weft.engines.fluid.reducers import IN_NETWORK, Reducers
from weft.fabric import Fabric
from weft.fabric.tables import Domain
from weft.routing.resources import Resources
from weft.routing.router import Router
from weft.workload.program import Communication


@dataclass(frozen=True, eq=False)
class Family:
    """All groups that do one communication at the same time.

    Attributes:
        ranks: int64[groups, members], accelerators.
        columns: int32[groups, takers], who takes part; counted over all jobs.
        key: tells the connections of these groups from others between the same accelerators.
        level, weight: strict priority, and share of a contended link.
    """

    ranks: NDArray[np.int64]
    columns: NDArray[np.int32]
    key: int
    level: int = 0
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Pattern:
    """Groups of a family that lie on the fabric alike and communicate in one way, with their transfers.

    Attributes:
        rows: int64[groups], which of the family's they are.
        columns: int32[groups, takers].
        cap_Bps: for each stage, what the ranks themselves can do, in bytes of the collective's size a second.
        group, stage: int32[transfers], ascending; groups counted within the pattern.
        weight: float64[transfers].
        level: strict priority.
        routed: entries, one for each router.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int32]
    cap_Bps: tuple[float, ...]
    group: NDArray[np.int32]
    stage: NDArray[np.int32]
    weight: NDArray[np.float64]
    level: int
    routed: tuple[Entries, ...]


class Carrier:
    """Routes families; what differs only in size is routed once.

    Attributes:
        patterns: all that has been routed.
        sources: for each pattern, its family and what makes its flows again.
        users: the communications that go by each pattern.
        reducers: places in the switches that reduce.
    """

    def __init__(self, fabric: Fabric, library: Library, routers: Sequence[Router], algorithm: str = "auto") -> None:
        self.fabric, self.library, self.routers, self.algorithm = fabric, library, routers, algorithm
        self.reducers = Reducers(fabric, library)
        self.patterns: list[Pattern] = []
        self.sources: list[tuple[Family, Callable[[], Sequence[Flows]]]] = []
        self.users: dict[int, list[Communication]] = {}
        self._layouts: dict[Family, list[tuple[NDArray[np.int64], Layout]]] = {}
        self._number: dict[tuple[object, ...], int] = {}
        self._reduced: dict[tuple[Family, int], bool] = {}

    def carry(self, communication: Communication, family: Family) -> list[tuple[int, Choice]]:
        """Return the patterns of a communication's groups, which together are the family, and how each is done."""
        if family not in self._layouts:
            self._layouts[family] = Layout.batch(self.fabric, family.ranks)
        found = []
        for index, (groups, layout) in enumerate(self._layouts[family]):
            choice = self._choose(communication, family, index, groups)
            key = (family, index, communication.kind, choice.algorithm, choice.protocol, communication.rate_x)
            if key not in self._number:
                self._number[key] = len(self.patterns)
                pattern = self._pattern(layout, choice, communication.rate_x, groups, family)
                self.patterns.append(pattern)
                self.sources.append((family, partial(choice.flows, layout)))
            self.users.setdefault(self._number[key], []).append(communication)
            found.append((self._number[key], choice))
        return found

    def _choose(self, communication: Communication, family: Family, index: int, groups: NDArray[np.int64]) -> Choice:
        """How a batch of a family does a communication; the switches' help is granted or refused once for all."""
        kind, size, ranks = communication.kind, communication.size_bytes, family.ranks[groups]
        group = self.fabric.group(ranks[0])
        choice = choose(kind, size, group, library=self.library, algorithm=self.algorithm)
        if choice.algorithm == IN_NETWORK and (family, index) not in self._reduced:
            self._reduced[family, index] = self.reducers.admit(choice, ranks, forced=self.algorithm != "auto")
        if choice.algorithm == IN_NETWORK and not self._reduced[family, index]:
            return choose(kind, size, group, library=self.reducers.others)
        return choice

    def _pattern(
        self, layout: Layout, choice: Choice, rate_x: float, rows: NDArray[np.int64], family: Family
    ) -> Pattern:
        caps: list[float] = []
        transfers: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]] = []
        routed: list[list[_Block]] = [[] for _ in self.routers]
        for stage, flows in enumerate(choice.flows(layout)):
            rates = choice.rates(stage)
            own_s = max(rates.own_s_per_byte, rates.wire_s_per_byte / rate_x if rate_x != 1 else 0.0)
            caps.append(1 / own_s if own_s > 0 else np.inf)
            count = int(flows.channel.max(initial=-1)) + 1
            group = np.zeros(count, np.int32)
            group[flows.channel] = flows.group
            largest = np.zeros(count)
            np.maximum.at(largest, flows.channel, flows.bytes_x)
            transfers.append((group, np.full(count, stage, np.int32), 1 / largest))
            for router, blocks in zip(self.routers, routed, strict=True):
                blocks.append(_routed(flows, count, router, family.key, rates.inside, rates.outside))
        columns_of = [np.concatenate(each) for each in zip(*transfers, strict=True)]
        order = np.lexsort((columns_of[1], columns_of[0]))
        group, stage_of, weight = (column[order] for column in columns_of)
        entries = tuple(_joined(blocks, order) for blocks in routed)
        weight = weight * family.weight
        return Pattern(rows, family.columns[rows], tuple(caps), group, stage_of, weight, family.level, entries)

    def alone(self, src: NDArray[np.int64], dst: NDArray[np.int64], family: Family) -> int:
        """Route flows from node rows to node rows, each on its own; return the number of their pattern."""
        count = len(src)
        order = np.arange(count)
        each = order.astype(np.int32)
        flows = Flows(src, dst, np.ones(count), each, each, ("copy", "copy"))
        blocks = [_routed(flows, count, router, family.key, 1.0, 1.0) for router in self.routers]
        entries = tuple(_joined([block], order) for block in blocks)
        weight, stage = np.full(count, family.weight), np.zeros(count, np.int32)
        pattern = Pattern(order, family.columns, (), each, stage, weight, family.level, entries)
        self.patterns.append(pattern)
        self.sources.append((family, lambda: (flows,)))
        return len(self.patterns) - 1


#: entries of each transfer, resources, usage
_Block = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]


def _routed(flows: Flows, count: int, router: Router, key: int, inside: float, outside: float) -> _Block:
    """Entries of the transfers of a stage, sorted by transfer.

    Links of the scale-up domain and of the network carry more than the payload, by the library's efficiency on them.
    """
    paths = router.route(flows.src, flows.dst, np.full(len(flows.src), key, np.uint64))
    domain = _domain(router.resources)
    efficiency = np.where(domain == Domain.SCALE_UP, inside, np.where(domain == Domain.HOST, 1.0, outside))
    usage = np.repeat(flows.bytes_x, np.diff(paths.indptr)) * paths.share / efficiency[paths.resource]
    transfer, resource = np.repeat(flows.channel, np.diff(paths.indptr)), paths.resource
    lost = np.flatnonzero(~paths.reachable)
    if len(lost):  # what has no path waits for a resource that has no capacity
        transfer = np.concatenate([transfer, flows.channel[lost]])
        resource = np.concatenate([resource, np.full(len(lost), len(domain), np.int32)])
        usage = np.concatenate([usage, np.ones(len(lost))])
    order = np.argsort(transfer, kind="stable")
    return np.bincount(transfer, minlength=count), resource[order], usage[order]


def _joined(blocks: list[_Block], order: NDArray[np.int64]) -> Entries:
    """Entries of all stages, their transfers in a new order."""
    counts, resources, usages = (np.concatenate(each) for each in zip(*blocks, strict=True))
    starts = np.cumsum(counts) - counts
    indptr = np.zeros(len(order) + 1, np.int64)
    np.cumsum(counts[order], out=indptr[1:])
    where = np.repeat(starts[order] - indptr[:-1], counts[order]) + np.arange(indptr[-1])
    return Entries(indptr, resources[where], usages[where])


def _domain(resources: Resources) -> NDArray[np.uint8]:
    """The domain of each resource: of a bundle, its links'."""
    links = resources.fabric.links.domain
    first = resources.indptr[:-1][np.diff(resources.indptr) > 0]
    bundles = np.zeros(len(resources.indptr) - 1, np.uint8)
    bundles[np.diff(resources.indptr) > 0] = links[resources.member[first]]
    return np.concatenate([links, bundles])
