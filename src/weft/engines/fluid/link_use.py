"""How the links were used while something ran: by class of links over time, link by link, and which of them limited.

What is folded is counted unfolded: a class of resources stands for all its members, and a bundle for its links, which
share what it carries by what each could carry. Links are told apart by class and direction (``leaf-spine up``), unless
both their ends are of one kind. Memory: 1,024 bins for every class of links, one number for every link.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weft.routing.resources import Resources

if TYPE_CHECKING:
    from weft.engines.fluid.engine import FluidEngine
    from weft.engines.fluid.prepare import Prepared

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """Links that held transfers up, all alike.

    Attributes:
        resource: row of the first of them in the router's table.
        name: of the first: ``leaf0 -> spine3``.
        kind: the class of links, with the direction.
        alike: how many there are.
        limiting_s: for how long each was some transfer's bottleneck.
        busy_s: for how long each carried anything.
        utilisation: of each, mean over the whole run.
        carried_bytes: by each.
    """

    resource: int
    name: str
    kind: str
    alike: int
    limiting_s: float
    busy_s: float
    utilisation: float
    carried_bytes: float


@dataclass(frozen=True, eq=False)
class LinkUse:
    """What the links did in one run.

    Attributes:
        span_s: seconds of the run.
        kinds: names of the classes of links that carried anything.
        links: int64[kinds], how many links of each were in use.
        capacity_Bps: float64[kinds], of all of them together, as they are at first.
        carried_bytes: float64[kinds].
        busiest: float64[kinds], the mean utilisation of the link that carried most of what it could.
        limiting_s: float64[kinds], the longest that a link was some transfer's bottleneck.
        deciles: int64[kinds, 10], links by mean utilisation: below 10 %, below 20 %, ...
        bin_s: seconds of a bin of time.
        over_time: float64[kinds, bins], utilisation.
        limits: what limited, longest first.
    """

    span_s: float
    kinds: tuple[str, ...]
    links: NDArray[np.int64]
    capacity_Bps: FloatArray
    carried_bytes: FloatArray
    busiest: FloatArray
    limiting_s: FloatArray
    deciles: NDArray[np.int64]
    bin_s: float
    over_time: FloatArray
    limits: tuple[Limit, ...]

    @cached_property
    def utilisation(self) -> FloatArray:
        """float64[kinds], mean over the run and the links in use."""
        whole = self.capacity_Bps * self.span_s
        return np.divide(self.carried_bytes, whole, out=np.zeros(len(whole)), where=whole > 0)


class Watch:
    """What to keep of a run so that `use` can tell it.

    Attributes:
        rows: int64[resource classes], the row of the network's timeline that each counts in.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        quotient, resources = prepared.carriage.quotient, prepared.router.resources
        self.link_kind, self.names = _kinds(resources)
        used = np.flatnonzero(prepared.classes.resource[:-1] >= 0)
        which, kind = prepared.classes.resource[used], self.link_kind[_first_links(resources)[used]]
        # Links of several kinds that fare alike are one class of resources, so count each of its kinds.
        pairs, first, members = np.unique(which * len(self.names) + kind, return_index=True, return_counts=True)
        self._class, self._kind = np.divmod(pairs, len(self.names))
        self._first, self._members = used[first], members
        # Classes made up alike share a row of the timeline.
        shown, place = np.unique(kind, return_inverse=True)
        made_of = np.zeros((len(quotient.resource), len(shown)), np.int64)
        np.add.at(made_of, (which, place.ravel()), 1)
        self._made_of, rows = np.unique(made_of, axis=0, return_inverse=True)
        self._shown, self.rows = shown, rows.ravel().astype(np.int64)

    def use(self, engine: FluidEngine, *, until_s: float = 0.0, most: int = 100) -> LinkUse:
        """Tell how the links were used in the run that an engine has just done.

        Args:
            engine: made with this watch.
            until_s: when the run ended, where it did so after the network's last change.
            most: limits to name.
        """
        network = engine.network
        span_s = max(until_s, network.now_s)
        carried, busy, limiting = network.carried_bytes, network.busy_s, network.limiting_s
        link_bytes, link_Bps = self._by_link(carried, span_s)
        used = np.flatnonzero(link_bytes > 0)
        kinds = np.unique(self.link_kind[used])
        place = np.full(len(self.names), -1)
        place[kinds] = np.arange(len(kinds))
        count = len(kinds)
        which = place[self.link_kind[used]]
        share = np.minimum(1.0, link_bytes[used] / (link_Bps[used] * span_s)) if span_s > 0 else np.zeros(len(used))
        decile = np.minimum(9, (share * 10 + 1e-9).astype(np.int64))
        busiest, longest = np.zeros(count), np.zeros(count)
        np.maximum.at(busiest, which, share)
        known = place[self._kind] >= 0
        np.maximum.at(longest, place[self._kind[known]], limiting[self._class[known]])
        capacity = _summed(which, link_Bps[used], count)
        bin_s, over_time = self._over_time(engine, place, capacity, span_s)
        return LinkUse(
            span_s,
            tuple(self.names[kind] for kind in kinds.tolist()),
            np.bincount(which, minlength=count),
            capacity,
            _summed(which, link_bytes[used], count),
            busiest,
            longest,
            np.bincount(which * 10 + decile, minlength=count * 10).reshape(count, 10),
            bin_s,
            over_time,
            self._limits(carried, busy, limiting, span_s, most),
        )

    def _by_link(self, carried: FloatArray, span_s: float) -> tuple[FloatArray, FloatArray]:
        """Bytes that each link carried, and what it could a second, mean over the run's states."""
        prepared = self.prepared
        resources, kind = prepared.router.resources, prepared.classes.resource[:-1]
        states = [state.start_s for state in prepared.carriage.states]
        ends = np.minimum(np.array([*states[1:], np.inf]), span_s)
        seconds = np.maximum(0.0, ends - np.minimum(states, span_s))
        if not seconds.sum() > 0:
            seconds[0] = 1.0
        mean = sum(each[:-1] * part for each, part in zip(prepared.capacity, seconds / seconds.sum(), strict=True))
        capacity = np.asarray(mean, np.float64)
        whole = np.where(kind >= 0, carried[kind], 0.0)
        links = resources.links
        bundle = np.repeat(np.arange(len(resources.indptr) - 1), np.diff(resources.indptr))
        room = np.bincount(bundle, capacity[resources.member], minlength=len(resources.indptr) - 1)
        part = np.divide(capacity[resources.member], room[bundle], out=np.zeros(len(bundle)), where=room[bundle] > 0)
        return (
            whole[:links] + np.bincount(resources.member, whole[links + bundle] * part, minlength=links),
            np.maximum(capacity[:links], 1e-300),
        )

    def _over_time(
        self, engine: FluidEngine, place: NDArray[np.int64], capacity: FloatArray, span_s: float
    ) -> tuple[float, FloatArray]:
        timeline = engine.network.timeline
        rows = len(timeline.carried_bytes)
        found = np.zeros((len(capacity), timeline.carried_bytes.shape[1]))
        for number, kind in enumerate(self._shown.tolist()):
            if place[kind] >= 0:
                found[place[kind]] = self._made_of[:rows, number] @ timeline.carried_bytes
        bins = int(np.ceil(span_s / timeline.bin_s - 1e-9)) if timeline.bin_s > 0 else 0
        length = np.full(bins, timeline.bin_s)
        if bins:
            length[-1] = span_s - (bins - 1) * timeline.bin_s
        found = np.pad(found, ((0, 0), (0, max(0, bins - found.shape[1]))))
        return timeline.bin_s, np.minimum(1.0, found[:, :bins] / (capacity[:, None] * length))

    def _limits(
        self, carried: FloatArray, busy: FloatArray, limiting: FloatArray, span_s: float, most: int
    ) -> tuple[Limit, ...]:
        resources = self.prepared.router.resources
        capacity = self.prepared.carriage.states[0].capacity_Bps
        limited = np.flatnonzero(limiting[self._class] > 0)
        order = limited[np.lexsort((self._first[limited], -limiting[self._class[limited]]))]
        found = []
        for number in order[:most].tolist():
            each, row = int(self._class[number]), int(self._first[number])
            room, links = capacity[each] * span_s, len(resources.links_of(row))
            found.append(
                Limit(
                    row,
                    resources.name(row),
                    self.names[int(self._kind[number])],
                    int(self._members[number]) * links,
                    float(limiting[each]),
                    float(busy[each]),
                    float(carried[each] / room) if room > 0 else 0.0,
                    float(carried[each]) / links,
                )
            )
        return tuple(found)


def _summed(which: NDArray[np.int64], values: FloatArray, count: int) -> FloatArray:
    return np.bincount(which, values, minlength=count).astype(np.float64)


def _first_links(resources: Resources) -> NDArray[np.int64]:
    """The link of every resource, of a bundle the first."""
    starts = np.minimum(resources.indptr[:-1], max(0, len(resources.member) - 1))
    members = resources.member[starts] if len(resources.member) else np.empty(0, np.int32)
    return np.concatenate([np.arange(resources.links), members]).astype(np.int64)


def _kinds(resources: Resources) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The kind of each link, by class and direction, and the kinds' names."""
    table, nodes = resources.fabric.links, resources.fabric.nodes
    names = sorted({each.name for each in table.classes})
    number = np.array([names.index(each.name) for each in table.classes], np.int64)[table.link_class]
    ways = np.where(nodes.kind[table.src] == nodes.kind[table.dst], 0, 1 + np.arange(len(table)) % 2)
    return number * 3 + ways, tuple(f"{name}{way}" for name in names for way in ("", " up", " down"))
