"""The network that packets cross: hosts, switches, ports and forwarding tables, as arrays.

A host has one port into the network; ports 0 to hosts - 1 are the hosts' own, the next as many lead to them, then come
the links between switches. Everything that Weft can simulate packet by packet is made into this form first: fabrics by
`weft.engines.packet.of_fabric`, files of other simulators by their readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from weft.engines.packet.table_kernels import FAR, capacity_beyond, count_sets, hops_to
from weft.errors import ConfigError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tables:
    """Where switches send packets.

    Attributes:
        next_set: int32[switches, edges], the set of ports towards an edge switch; -1 where there is no way.
        row: int32[sets, 2], the first port of each set and how many.
        port: int32, ports.
        hops: uint8[switches, edges], links on the way.
    """

    next_set: Ints
    row: Ints
    port: Ints
    hops: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Reference:
    """What a transport's sizes and times follow from, where that is not the fastest host and the longest way.

    Attributes:
        rate_Bps: of a host.
        latency_s: of a long way, from host to host.
        links: on it.
        widest_bytes: the largest bandwidth-delay product of all ways.
        switches: the first so many are of the network that this is about; detours lead by no others.
    """

    rate_Bps: float
    latency_s: float
    links: int
    widest_bytes: float
    switches: int


@dataclass(frozen=True)
class PacketNetwork:
    """A network of hosts and switches.

    Attributes:
        name: for messages.
        host_switch: int32[hosts], the switch each host is at.
        link_src, link_dst: int32[links], switches; link i ^ 1 is the way back.
        rate_Bps: float64[ports].
        latency_s: float64[ports], wire and the far end's forwarding.
        switch_names, host_names: for people; numbered where empty.
        buffer_x: float64[ports], part of the buffers that a port has; None where all have all.
        loss: float64[ports], probability a byte of being lost on the wire.
        retry_s: float64[ports], time of a link-level retry after a loss; 0 where packets are lost.
        reference: what a transport's sizes follow from; None: the fastest host and the longest way.
        weighted: next hops get shares by the capacity beyond them (WCMP); otherwise all the same.
        weight: int32[links], 0 where a link is down from the start; None: 1 each.
        built_Bps: float64[ports], rates before any link was degraded; None: as they are.
    """

    name: str
    host_switch: Ints
    link_src: Ints
    link_dst: Ints
    rate_Bps: Floats
    latency_s: Floats
    switch_names: Sequence[str] = ()
    host_names: Sequence[str] = ()
    buffer_x: Floats | None = None
    loss: Floats | None = None
    retry_s: Floats | None = None
    reference: Reference | None = None
    weighted: bool = False
    weight: Ints | None = None
    built_Bps: Floats | None = None
    _cache: dict[bytes, Tables] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (self.rate_Bps <= 0).any():
            port = int(np.flatnonzero(self.rate_Bps <= 0)[0])
            raise ConfigError(f"{self.port_name(port)} has no rate; links are faster than 0", field="rate")

    @property
    def hosts(self) -> int:
        """How many hosts."""
        return len(self.host_switch)

    @property
    def switches(self) -> int:
        """How many switches."""
        links = (int(self.link_src.max(initial=-1)), int(self.link_dst.max(initial=-1)))
        return max(len(self.switch_names), int(self.host_switch.max(initial=-1)) + 1, *(end + 1 for end in links))

    @property
    def ports(self) -> int:
        """How many ports."""
        return 2 * self.hosts + len(self.link_src)

    @property
    def edge_switch(self) -> Ints:
        """int32[edges]: switches that hosts are at."""
        return np.unique(self.host_switch).astype(np.int32)

    @property
    def back(self) -> Ints:
        """int32[ports]: the port the other way."""
        hosts, links = np.arange(self.hosts), np.arange(len(self.link_src))
        return np.concatenate([hosts + self.hosts, hosts, 2 * self.hosts + (links ^ 1)]).astype(np.int32)

    def host_name(self, host: int) -> str:
        """Return a host's name."""
        return self.host_names[host] if len(self.host_names) else f"host{host}"

    def switch_name(self, switch: int) -> str:
        """Return a switch's name."""
        return self.switch_names[switch] if len(self.switch_names) else f"switch{switch}"

    def port_name(self, port: int) -> str:
        """Return a port's name: from where to where."""
        if port < self.hosts:
            return f"{self.host_name(port)} -> {self.switch_name(int(self.host_switch[port]))}"
        if port < 2 * self.hosts:
            host = port - self.hosts
            return f"{self.switch_name(int(self.host_switch[host]))} -> {self.host_name(host)}"
        link = port - 2 * self.hosts
        return f"{self.switch_name(int(self.link_src[link]))} -> {self.switch_name(int(self.link_dst[link]))}"

    def tables(self, rate_x: Floats | None = None) -> Tables:
        """Return shortest-path tables.

        Args:
            rate_x: float64[links], what is left of each link's rate; 0 is not used. Default: the network's weights.
        """
        left = self.weight if rate_x is None else rate_x
        rate_Bps = self.rate_Bps[2 * self.hosts :] * (1.0 if left is None else left)
        key = (rate_Bps if self.weighted else rate_Bps > 0).tobytes()
        if key not in self._cache:
            self._cache[key] = self._tables(rate_Bps)
        return self._cache[key]

    def _tables(self, rate_Bps: Floats) -> Tables:
        edges, switches = self.edge_switch, self.switches
        hops = np.empty((switches, len(edges)), np.uint8)
        into, into_link = _sorted_by(self.link_dst, switches)
        out, out_link = _sorted_by(self.link_src, switches)
        hops_to(edges, into, into_link, self.link_src, rate_Bps > 0, hops)
        beyond = np.empty(hops.shape if self.weighted else (0, 0))
        if self.weighted:
            capacity_beyond(hops, out, out_link, self.link_dst, rate_Bps, beyond)
        next_set = np.empty((switches, len(edges)), np.int32)
        rows, ports = np.empty((4 * switches + len(edges), 2), np.int32), np.empty(8 * len(rate_Bps) + 64, np.int32)
        while True:
            sets, used = count_sets(hops, out, out_link, self.link_dst, rate_Bps, beyond, next_set, rows, ports)
            if sets <= len(rows) and used <= len(ports):
                break
            rows, ports = np.empty((2 * sets, 2), np.int32), np.empty(2 * used, np.int32)
        return Tables(next_set, rows[:sets].copy(), ports[:used] + 2 * self.hosts, hops)

    def longest(self) -> tuple[int, float]:
        """Return (links, seconds of latency one way) of the longest of the shortest ways from host to host.

        O(edges squared x hops) time and memory.
        """
        tables, edges = self.tables(), self.edge_switch
        at = np.repeat(edges[:, None], len(edges), axis=1)
        to = np.arange(len(edges))[None, :]
        reach, latency = tables.hops[at, to] < FAR, np.zeros(at.shape)
        while True:
            moving = reach & (tables.hops[at, to] > 0)
            if not moving.any():
                break
            sets = tables.next_set[at, to][moving]
            port = tables.port[tables.row[sets, 0]]
            latency[moving] += self.latency_s[port]
            at[moving] = self.link_dst[port - 2 * self.hosts]
        ends = np.zeros((2, len(edges)))
        edge = np.searchsorted(edges, self.host_switch)
        np.maximum.at(ends[0], edge, self.latency_s[: self.hosts])
        np.maximum.at(ends[1], edge, self.latency_s[self.hosts : 2 * self.hosts])
        whole = np.where(reach, ends[0][:, None] + latency + ends[1][None, :], 0.0)
        hops = tables.hops[edges]
        return int(hops[hops < FAR].max(initial=0)) + 2, float(whole.max(initial=0.0))

    def oversubscription(self) -> float:
        """Return how much more hosts send than the network as it was built carries, tier by tier; 1 or more.

        Switches are in tiers by their links to the nearest host. The rate that leaves a tier upward is compared with
        what comes into it from below, and the factors of all tiers are multiplied.
        """
        hops = self.tables().hops.min(axis=1).astype(int)
        rate_Bps = self.rate_Bps if self.built_Bps is None else self.built_Bps
        rate = rate_Bps[2 * self.hosts :]
        low, high = hops[self.link_src], hops[self.link_dst]
        into, whole = float(rate_Bps[: self.hosts].sum()), 1.0
        for tier in range(int(hops.max(initial=0))):
            up = float(rate[(low == tier) & (high == tier + 1)].sum())
            if up > 0:
                whole *= max(1.0, into / up)
                into = up
        return whole

    def without(self, links: npt.ArrayLike) -> PacketNetwork:
        """Return the network with some links down, for good and as routing knows."""
        weight = np.ones(len(self.link_src), np.int32) if self.weight is None else self.weight.copy()
        weight[np.asarray(links, int)] = 0
        return replace(self, weight=weight)

    def degraded(self, links: npt.ArrayLike, rate_x: float) -> PacketNetwork:
        """Return the network with some links slower, and the buffers before them smaller in proportion."""
        rate, buffer = self.rate_Bps.copy(), np.ones(self.ports) if self.buffer_x is None else self.buffer_x.copy()
        ports = 2 * self.hosts + np.asarray(links, int)
        rate[ports] *= rate_x
        buffer[ports] *= rate_x
        built = self.rate_Bps if self.built_Bps is None else self.built_Bps
        return replace(self, rate_Bps=rate, buffer_x=buffer, built_Bps=built, _cache=self._cache)


def _sorted_by(end: Ints, switches: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Links by one of their ends: where each switch's begin, and the links."""
    indptr = np.zeros(switches + 1, np.int64)
    np.cumsum(np.bincount(end, minlength=switches), out=indptr[1:])
    return indptr, np.argsort(end, kind="stable").astype(np.int64)
