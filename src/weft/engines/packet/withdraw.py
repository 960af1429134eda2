"""Flows that are given up: traffic that stops, or goes on by other ports."""

from __future__ import annotations

import numpy as np

from weft.engines.packet.code_kernels import DONE, KIND_BITS, RUNNING, START, TIMER
from weft.engines.packet.simulation import Simulation


def received_part(simulation: Simulation, row: int) -> float:
    """Return which part of a flow its receiver has."""
    sender = simulation.tables["senders"][row]
    mtu = simulation.settings.transport.mtu_bytes
    whole = (int(sender.packets) - 1) * mtu + int(sender.last_size)
    return int(simulation.tables["receivers"].bytes[row]) / whole


def withdraw(simulation: Simulation, row: int) -> None:
    """End a flow where it is; packets of it that are under way come to nothing."""
    tables, w = simulation.tables, simulation.world
    sender = tables["senders"][row]
    if sender.state == RUNNING:
        tables["free_slots"].row[int(w.free_slot)] = sender.slot
        w.free_slot += 1
        w.running -= 1
    elif sender.state != DONE:  # its start is still to come: let a timer that does nothing take its place
        what = tables["heap"].what[: int(w.heaped)]
        what[np.flatnonzero(what == (row << KIND_BITS) + START)] = (row << KIND_BITS) + TIMER
        sender.timer = 1
    sender.state, sender.end_ps = DONE, w.now
