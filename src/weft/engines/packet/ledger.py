"""What became of the flows of a run that uses the rows of its tables again.

A row is written down before another flow takes it, when nothing under way names its flow any more, so that counts are
final; the rest at the end. O(flows) memory, some 200 bytes each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import code_kernels
from weft.engines.packet.flows import Flows
from weft.engines.packet.ideal import ideal_fct_s
from weft.engines.packet.outcome import REASONS, Outcome, flow_columns, port_columns
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.ways import best_ways

Ints = npt.NDArray[np.int64]
_SENDER = ("state", "start_ps", "end_ps", "got_ps", "high", "again", "timeouts", "acks", "nacks", "marked")
_RECEIVER = ("disordered", "most_beyond", "duplicates")


class Ledger:
    """The flows of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._flow = np.empty(0, np.int64)  # by row, the flow that has it; -1 for none
        self._added: list[tuple[str, Flows]] = []
        self._count = 0
        self._written: list[tuple[Ints, dict[str, npt.NDArray[Any]]]] = []

    def __len__(self) -> int:
        return self._count

    def open(self, rows: Ints, flows: Flows, name: str) -> None:
        """Follow flows that have been given rows, until others take them."""
        self._reach(len(self._simulation.tables["senders"]))
        self._flow[rows] = np.arange(self._count, self._count + len(rows))
        self._count += len(rows)
        self._added.append((name, flows))

    def write(self, rows: Ints) -> None:
        """Write down rows that others are about to take."""
        self._reach(int(rows.max(initial=-1)) + 1)
        mine = rows[self._flow[rows] >= 0]
        if len(mine):
            self._written.append((self._flow[mine], self._columns(mine)))
            self._flow[mine] = -1

    def outcome(self, wall_s: float = 0.0) -> Outcome:
        """Return what became of all flows so far; they end for it when they have been received.

        Args:
            wall_s: that the run took.
        """
        simulation, network = self._simulation, self._simulation.network
        flows, found = self._flows(), self._found()
        ways, cut = best_ways(network, flows), np.asarray(simulation.tables["ports"].cut > 0)
        ideal_s = ideal_fct_s(network, simulation.settings, flows, ways, cut, acknowledged=False)
        done = found["got_ps"] > 0
        given_up = found["state"] == code_kernels.DONE
        return Outcome(
            network=network,
            flows=flows,
            settings=simulation.settings,
            flow=flow_columns(flows, found, found, done, found["got_ps"], ideal_s),
            port=port_columns(simulation, simulation.now_s),
            unfinished={int(row): REASONS[4 if given_up[row] else 0] for row in np.flatnonzero(~done)},
            packet_hops=int(simulation.world.hops),
            events=int(simulation.world.event_count),
            simulated_s=simulation.now_s,
            wall_s=wall_s,
        )

    def _reach(self, rows: int) -> None:
        self._flow = np.concatenate([self._flow, np.full(max(0, rows - len(self._flow)), -1, np.int64)])

    def _columns(self, rows: Ints) -> dict[str, npt.NDArray[Any]]:
        tables = self._simulation.tables
        senders, receivers = tables["senders"][rows], tables["receivers"][rows]
        return {**{name: senders[name] for name in _SENDER}, **{name: receivers[name] for name in _RECEIVER}}

    def _found(self) -> dict[str, npt.NDArray[Any]]:
        """Columns of all flows, in the order in which they came."""
        now = np.flatnonzero(self._flow >= 0)
        parts = [*self._written, (self._flow[now], self._columns(now))]
        order = np.argsort(np.concatenate([flow for flow, _ in parts]))
        return {name: np.concatenate([part[name] for _, part in parts])[order] for name in (*_SENDER, *_RECEIVER)}

    def _flows(self) -> Flows:
        """All flows as one."""
        network, parts = self._simulation.network, [flows for _, flows in self._added]
        names = [
            f"{name}: {network.host_name(src)} to {network.host_name(dst)}"
            for name, flows in self._added
            for src, dst in zip(flows.src.tolist(), flows.dst.tolist(), strict=True)
        ]

        def column(name: str, kind: type) -> npt.NDArray[Any]:
            return np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])

        return Flows(
            column("src", np.int64),
            column("dst", np.int64),
            column("size_bytes", np.int64),
            column("start_s", np.float64),
            column("priority", np.int64),
            names=names,
            rtt_s=column("rtt_s", np.float64),
            pace_Bps=column("pace_Bps", np.float64),
        )
