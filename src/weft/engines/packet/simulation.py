"""A packet simulation: compiled code over tables, with Python where it must see to something."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import code_kernels
from weft.engines.packet.deadlock import deadlock
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.flows import Flows
from weft.engines.packet.loop_kernels import run
from weft.engines.packet.more_flows import FlowRows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.tables import Tables
from weft.engines.packet.transport import Transport, settle

_NEVER = int(np.iinfo(np.int64).max) - 1


class Simulation:
    """One run of flows over a network.

    Attributes:
        network, flows: what was given.
        settings: the transport with all blanks filled.
        tables: all that is known about ports, packets and flows.
    """

    def __init__(self, network: PacketNetwork, transport: Transport, flows: Flows) -> None:
        """Prepare it.

        Raises:
            ConfigError: flows name hosts that are not there, or their sizes cannot be simulated.
        """
        self.network, self.settings = network, settle(transport, network)
        self.flows = flows.checked(network.hosts, transport.mtu_bytes - transport.header_bytes)
        self.tables = Tables(network, self.settings, self.flows)
        self._rows = FlowRows(self.tables)

    @property
    def world(self) -> Any:
        """The record of where the simulation is."""
        return self.tables.world[0]

    @property
    def now_s(self) -> float:
        """Where the simulation is."""
        return float(self.world.now) / PS

    def add(self, flows: Flows, taking: Callable[[npt.NDArray[np.int64]], None] | None = None) -> npt.NDArray[np.int64]:
        """Start more flows, each at its start or now, if that is later; return their rows in the tables.

        Args:
            flows: without triggers; rows of flows that have ended and left no trace are used again.
            taking: told the rows before they are written over.

        Raises:
            ConfigError: flows name hosts that are not there, or their sizes cannot be simulated.
        """
        payload = self.settings.transport.mtu_bytes - self.settings.transport.header_bytes
        return self._rows.add(flows.checked(self.network.hosts, payload), taking)

    @property
    def ended(self) -> npt.NDArray[np.int64]:
        """Rows of the flows that ended since `run` was last entered; it comes back for each with ``stop_on_end``."""
        rows: npt.NDArray[np.int64] = self.tables["ended"].row[: int(self.world.ended_count)].astype(np.int64)
        return rows

    def run(self, until_s: float = math.inf) -> int:
        """Go on until a time, or to the end; return why it stopped, one of `code_kernels`' reasons.

        Raises:
            DeadlockError: links wait for each other in a circle.
        """
        until = _NEVER if math.isinf(until_s) else round(until_s * PS)
        while True:
            why = int(run(self.tables.world, until))
            if why in (code_kernels.IDLE, code_kernels.STALLED) and self.world.running > 0:
                error = deadlock(self.network, self.tables)
                if error:
                    raise error
            if why == code_kernels.FULL:
                self.tables.grow()
            elif why == code_kernels.CROWDED:
                self.tables.add_slots()
            elif why != code_kernels.STALLED:
                return why
