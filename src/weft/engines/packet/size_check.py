"""How long a packet simulation would take, so that what takes too long is refused before it begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.engines.fluid.prepare import Party
from weft.engines.packet.carriage import Carried
from weft.engines.packet.launch import Launcher
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError
from weft.units import format_duration
from weft.workload.program import Program

#: Seconds of wall time that a packet takes for each link, and a flow besides, on one core of 2020 or later.
HOP_s, FLOW_s = 3e-7, 3e-5
#: That a run may take.
LONGEST_RUN_s = 600.0
_FEWEST_LINKS = 2  # from host to host


def check_size(launcher: Launcher, carried: Sequence[Carried]) -> None:
    """Refuse what would take too long.

    Args:
        launcher: makes the flows.
        carried: communications, each as often as it is done.

    Raises:
        ConfigError: with how long, and what to do.
    """
    each: dict[Carried, float] = {}
    total_s = 0.0
    for one in carried:
        if one not in each:
            each[one] = sum(_stage_s(launcher, one, stage) for stage in range(len(one.stages)))
        total_s += each[one]
    _refuse(total_s, "")


def check_least(program: Program, party: Party, transport: Transport) -> None:
    """Refuse a job that would take too long even by a bound that needs no flows: it is there at once.

    However a group of n ranks communicates, n - 1 times the size is sent, over two links at least.

    Raises:
        ConfigError: with how long at least, and what to do.
    """
    payload = transport.mtu_bytes - transport.header_bytes
    first = program.joint or range(len(program))
    index = np.array([c if f == op else -1 for op, (c, f) in enumerate(zip(program.communication, first, strict=True))])
    times = np.bincount(index[index >= 0], minlength=len(program.communications))
    total_s = 0.0
    for communication, count in zip(program.communications, times.tolist(), strict=True):
        groups, members = party.families[communication].ranks.shape
        sent_bytes = communication.size_bytes * communication.repeat * (members - 1) * groups * count
        total_s += HOP_s * _FEWEST_LINKS * sent_bytes / payload
    _refuse(total_s, "at least ")


def _stage_s(launcher: Launcher, carried: Carried, stage: int) -> float:
    """How long a stage takes to simulate, about."""
    return HOP_s * launcher.packet_hops(carried, stage) + FLOW_s * launcher.launch(carried, stage).count


def _refuse(total_s: float, about: str) -> None:
    if total_s > LONGEST_RUN_s:
        raise ConfigError(
            f"too large for the packet engine: it would take {about}{format_duration(total_s)} of computing, and may "
            f"take {format_duration(LONGEST_RUN_s)}; use the fluid engine, or fewer bytes, ranks, layers or tokens",
            field="engine",
        )
