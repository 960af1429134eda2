"""Links that die, slow down and come back while packets are under way, and forwarding that learns of it late.

When a link dies, what waits before it and what is on it is lost, and so is what others send there until the tables
leave it out. Tables change between runs of the compiled loop, at the time that the loop has reached.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.engines.packet import record_kernels as record
from weft.engines.packet.fault_kernels import flush, resume
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.loop_kernels import SLACK
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.tables import GRANTED, QUANTUM_BYTES, Tables, within

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def set_rates(simulation: Simulation, rate_Bps: Floats) -> None:
    """Let ports carry so much from now on.

    Args:
        simulation: it has reached the time of the change.
        rate_Bps: float64[ports]; 0 for those whose link is dead.
    """
    tables, nominal = simulation.tables, simulation.network.rate_Bps
    ports, cables = tables["ports"], tables["cables"]
    up = rate_Bps > 0
    slower = np.flatnonzero(up & (np.abs(cables.ps_per_byte * rate_Bps / PS - 1) > 1e-9))
    if len(slower):
        _set_delays(tables, slower, rate_Bps[slower])
        _set_sizes(simulation, slower, rate_Bps[slower] / nominal[slower])
    for port in np.flatnonzero((ports.up == 1) & ~up).tolist():
        ports.up[port] = 0
        tables.world[0].dead += 1
        tables.grow()  # what is lost may tell links that there is room
        flush(tables.world, port)
    _make_room(tables, ports)
    for port in np.flatnonzero((ports.up == 0) & up).tolist():
        ports.up[port] = 1
        tables.world[0].dead -= 1
        _open(tables, port)
        resume(tables.world, port)


def learn(simulation: Simulation, rate_Bps: Floats) -> None:
    """Let forwarding tables know of what links carry; those with 0 are not used.

    Args:
        simulation: it has reached the time of the change.
        rate_Bps: float64[ports].
    """
    tables, network = simulation.tables, simulation.network
    links = slice(2 * network.hosts, None)
    tables.rows |= tables.forwarding(rate_Bps[links] / network.rate_Bps[links])
    tables.announce()


def _set_delays(tables: Tables, ports: Ints, rate_Bps: Floats) -> None:
    """Give ports other times to send a packet, and the rings that go with them."""
    w, rows, cables = tables.world[0], tables["ports"], tables["cables"]
    cables.ps_per_byte[ports] = PS / rate_Bps
    for size, name in ((int(w.mtu), "ring_full"), (int(w.control_size), "ring_control")):
        delay = (size * cables.ps_per_byte[ports] + 0.5).astype(np.int64)
        known = {int(each): ring for ring, each in enumerate(tables["rings"].delay)}
        for each in np.unique(delay).tolist():
            if each not in known:
                known[each] = _new_ring(tables, each)
        rows[name][ports] = [known[int(each)] for each in delay]
    hosts = ports[ports < tables.network.hosts]
    tables["hosts"].ps_per_quantum[hosts] = QUANTUM_BYTES * cables.ps_per_byte[hosts] / GRANTED
    tables.announce()


def _new_ring(tables: Tables, delay_ps: int) -> int:
    """Add a ring for a delay that no port had so far."""
    number, first, size = len(tables["rings"]), len(tables["events"]), 4 * SLACK
    tables.longer("events", size)
    tables.longer("ring_order", 1)
    ring = tables.longer("rings", 1)[number]
    ring.first, ring.mask, ring.delay = first, size - 1, delay_ps
    return number


def _set_sizes(simulation: Simulation, ports: Ints, left_x: Floats) -> None:
    """Shrink queues and their marks with the rate, as they are sized by it."""
    settings, rows = simulation.settings, simulation.tables["ports"]
    whole = simulation.network.buffer_x
    x = left_x if whole is None else left_x * whole[ports]
    rows.limit[ports] = within(np.maximum(settings.queue_bytes * x, 2 * settings.transport.mtu_bytes))
    rows.ecn_low[ports], rows.ecn_high[ports] = within(settings.ecn_low_bytes * x), within(settings.ecn_high_bytes * x)


def _open(tables: Tables, port: int) -> None:
    """Forget the pauses of a link's last life, and count its credit anew."""
    w = tables.world[0]
    own = slice(port * int(w.classes), (port + 1) * int(w.classes))
    tables["ports"].paused[port] = 0
    tables["inlets"].stopped[own] = 0
    tables["inlets"].credit[own] = tables.credit[port] - tables["inlets"].bytes[own]


def _make_room(tables: Tables, ports: record.World) -> None:
    """See that the heap holds an event for each port."""
    if int(tables.world[0].heaped) + len(ports) + SLACK > len(tables["heap"]):
        tables.longer("heap", len(ports) + len(tables["heap"]))
        tables.announce()
