"""Small networks that tests of the packet engine send over, and ways to look at a simulation as it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.simulation import Simulation

RATE_Bps = 12.5e9  # 100 Gb/s: 80 ps a byte
LATENCY_s = 1e-6
PS = 1e12
T = TypeVar("T")


def network(
    host_switch: Sequence[int],
    cables: Sequence[tuple[int, int]] = (),
    rate_Bps: float = RATE_Bps,
    latency_s: float = LATENCY_s,
    **columns: Any,
) -> PacketNetwork:
    """Hosts at switches, and cables between switches, all alike."""
    src = [end for a, b in cables for end in (a, b)]
    dst = [end for a, b in cables for end in (b, a)]
    ports = 2 * len(host_switch) + len(src)
    made = {"rate_Bps": np.full(ports, rate_Bps), "latency_s": np.full(ports, latency_s)} | columns
    return PacketNetwork(
        "test",
        np.array(host_switch, np.int32),
        np.array(src, np.int32),
        np.array(dst, np.int32),
        **made,
    )


def star(hosts: int, **columns: Any) -> PacketNetwork:
    """All hosts at one switch."""
    return network([0] * hosts, **columns)


def line(switches: int, **columns: Any) -> PacketNetwork:
    """Switches in a row, a host at each."""
    return network(range(switches), [(i, i + 1) for i in range(switches - 1)], **columns)


def ring(switches: int, **columns: Any) -> PacketNetwork:
    """Switches in a circle, a host at each."""
    return network(range(switches), [(i, (i + 1) % switches) for i in range(switches)], **columns)


def flows(*rows: tuple[int, int, int] | tuple[int, int, int, float], priority: Sequence[int] | None = None) -> Flows:
    """Flows by (source, destination, bytes) and, where it is not 0, start."""
    return Flows(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        np.array([row[3] if len(row) > 3 else 0.0 for row in rows]),
        None if priority is None else np.array(priority),
    )


def watch(simulation: Simulation, every_s: float, until_s: float, look: Callable[[Simulation], T]) -> list[T]:
    """Run on to a time and look at the simulation on the way."""
    start = simulation.now_s
    seen = []
    for step in range(1, round((until_s - start) / every_s) + 1):
        simulation.run(start + step * every_s)
        seen.append(look(simulation))
    return seen


def down(simulation: Simulation, host: int) -> int:
    """The port that leads to a host."""
    return simulation.network.hosts + host


def queued(simulation: Simulation, port: int) -> int:
    """Bytes of data before a port."""
    return int(simulation.tables["ports"].queued[port])


def received(simulation: Simulation) -> np.ndarray:
    """int64[flows]: bytes on the wire that each flow's receiver has."""
    return np.array(simulation.tables["receivers"].bytes)


def jain(shares: Sequence[float] | np.ndarray) -> float:
    """Jain's index of fairness: 1 where all are equal, 1/n where one has all."""
    x = np.asarray(shares, float)
    return float(x.sum() ** 2 / (len(x) * (x**2).sum()))
