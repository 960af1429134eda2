"""From transfers to flows of packets: which ports, how many bytes, how fast.

A library fills so much of a link's raw rate with payload as has been measured: headers are in that number, and so are
flags and gaps. A flow is as long as puts the same bytes on the wire: payload divided by that share, headers included.
Where the share is more than what packets leave for payload (``weft bench --library ideal``), headers come on top: they
are physics, and 1.6 % of a 4,150 B packet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weft.engines.packet.carriage import Carried
from weft.engines.packet.flows import Flows
from weft.engines.packet.of_fabric import FabricNetwork
from weft.engines.packet.transport import Transport

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be sent.

    Attributes:
        src, dst: int64[transfers], node rows.
        bytes: float64[transfers], payload.
        pace_Bps: float64[transfers], most payload that each sends; infinite where there is no limit.
        inside, outside: share of the raw rate that payload fills, in the domain and in the network.
        key: tells connections apart.
        level: traffic class.
    """

    src: Ints
    dst: Ints
    bytes: Floats
    pace_Bps: Floats
    inside: float
    outside: float
    key: int
    level: int

    def __len__(self) -> int:
        return len(self.src)

    def some(self, rows: Ints, x: float | Floats = 1.0) -> Wanted:
        """Return some of the transfers, or part of them."""
        return replace(
            self,
            src=self.src[rows],
            dst=self.dst[rows],
            bytes=self.bytes[rows] * x,
            pace_Bps=self.pace_Bps[rows],
        )


@dataclass(frozen=True, eq=False)
class Launch:
    """Flows to be put on the network.

    Attributes:
        wanted: what they carry.
        transfer: int64[flows], whose each is.
        share: float64[flows] of the transfer.
        src, dst: int64[flows], hosts.
        size_bytes: int64[flows], without headers.
        pace_Bps: float64[flows], on the wire.
        rtt_s: float64[flows], round trips without queues.
        latency_s: the longest way's, one way.
        lost: transfers that have no way.
    """

    wanted: Wanted
    transfer: Ints
    share: Floats
    src: Ints
    dst: Ints
    size_bytes: Ints
    pace_Bps: Floats
    rtt_s: Floats
    latency_s: float
    lost: Wanted | None

    @property
    def count(self) -> int:
        """Flows to wait for, those too that have no way yet."""
        return len(self.src) + (0 if self.lost is None else len(self.lost))

    def flows(self, start_s: float) -> Flows:
        """As a simulation takes them."""
        count = len(self.src)
        return Flows(
            self.src,
            self.dst,
            self.size_bytes,
            np.full(count, start_s),
            np.full(count, self.wanted.level),
            rtt_s=self.rtt_s,
            pace_Bps=self.pace_Bps,
        )


class Launcher:
    """Makes flows of transfers by the routing that holds now.

    Attributes:
        router: chooses their ports.
    """

    def __init__(self, fabric: FabricNetwork, transport: Transport, known_x: Floats | None = None) -> None:
        self._fabric, self._transport = fabric, transport
        self._payload = 1 - transport.header_bytes / transport.mtu_bytes
        self.learn(known_x)

    def learn(self, known_x: Floats | None) -> None:
        """Route by another state of the network."""
        self.router = self._fabric.router(known_x)
        self._made: dict[tuple[Carried, int], Launch] = {}

    def launch(self, carried: Carried, number: int) -> Launch:
        """Return the flows of one stage of a communication."""
        if (carried, number) not in self._made:
            self._made[carried, number] = self.relaunch(wanted_of(carried, number))
        return self._made[carried, number]

    def latency_s(self, carried: Carried, number: int) -> float:
        """Return what the first packet of a stage takes to be received, where it has no others to wait for."""
        return self.launch(carried, number).latency_s

    def packet_hops(self, carried: Carried, number: int) -> float:
        """Return how many packets times links a stage takes, retransmissions aside."""
        launch = self.launch(carried, number)
        packets = launch.size_bytes / (self._payload * self._transport.mtu_bytes)
        return float((np.ceil(packets) * self._fabric.links_between(launch.src, launch.dst)).sum())

    def again(self, launch: Launch, number: int, left_x: float) -> Launch:
        """Return flows for what is left of one flow."""
        rows = launch.transfer[[number]]
        return self.relaunch(launch.wanted.some(rows, launch.share[number] * left_x))

    def relaunch(self, wanted: Wanted) -> Launch:
        """Return the flows of transfers."""
        keys = np.full(len(wanted), wanted.key)
        pairs = self._fabric.pairs(self.router, wanted.src, wanted.dst, keys)
        share = np.where(pairs.inside, wanted.inside, wanted.outside)
        own = wanted.bytes[pairs.flow] * pairs.share
        x = np.maximum(1.0, self._payload / share)  # bytes that a flow takes for each of payload
        size = np.maximum(1, np.ceil(own * x * (1 - 1e-12))).astype(np.int64)
        latency_s = self._fabric.latency_s(pairs.src, pairs.dst)
        return Launch(
            wanted,
            pairs.flow,
            pairs.share,
            pairs.src,
            pairs.dst,
            size,
            wanted.pace_Bps[pairs.flow] * pairs.share * x / self._payload,
            self._fabric.rtt_s(pairs.src, pairs.dst, self._transport),
            float(latency_s.max(initial=0.0)),
            wanted.some(pairs.lost) if len(pairs.lost) else None,
        )


def wanted_of(carried: Carried, number: int) -> Wanted:
    """Return what a stage of a communication sends."""
    stage = carried.stages[number]
    return Wanted(
        stage.src,
        stage.dst,
        carried.size_bytes * stage.bytes_x,
        stage.cap_Bps * stage.bytes_x,
        stage.inside,
        stage.outside,
        carried.key,
        carried.level,
    )
