"""A collective's schedule, step by step: every transfer is a flow, which starts when what it waits for has come.

A rank's sends of a step start when all that it was sent in the step before has been received, or in the last one in
which it was sent anything: as messages that depend on messages, not as one flow that stands for all steps.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from weft.collectives.schedule import Schedule
from weft.engines.packet.flows import Flows, Trigger
from weft.errors import ConfigError


def flows_of(schedule: Schedule, hosts: Sequence[int], start_s: float = 0.0) -> Flows:
    """Return the flows of a schedule, with triggers; O(transfers x repeats).

    They are to end for each other when they have been received (``run_flows(..., at_receipt=True)``).

    Args:
        schedule: what is sent, in which order.
        hosts: of the packet network, one for each of its ranks, and then for each of its switches.
        start_s: when those begin that wait for nothing.

    Raises:
        ConfigError: there are too few hosts.
    """
    members = schedule.ranks + schedule.switches
    if len(hosts) < members:
        raise ConfigError(f"{len(hosts)} hosts for {members} members of a collective", field="hosts")
    src: list[int] = []
    dst: list[int] = []
    size: list[int] = []
    names: list[str] = []
    came: dict[int, list[int]] = {}  # by member: flows that brought it something in the last step that did
    starts: dict[tuple[int, ...], list[int]] = defaultdict(list)  # by what they wait for: flows
    step = 0
    for phase in schedule.phases:
        for _ in range(phase.repeat):
            brought: dict[int, list[int]] = defaultdict(list)
            for transfer in phase.transfers:
                flow = len(src)
                src.append(hosts[transfer.src])
                dst.append(hosts[transfer.dst])
                size.append(max(1, math.ceil(transfer.count * schedule.chunk_bytes)))
                names.append(f"step {step}: {transfer.src} to {transfer.dst}")
                brought[transfer.dst].append(flow)
                if transfer.src in came:
                    starts[tuple(came[transfer.src])].append(flow)
            came |= brought
            step += 1
    triggers = [Trigger(tuple(waiting), need=len(before)) for before, waiting in starts.items()]
    fires = [(flow, number) for number, before in enumerate(starts) for flow in before]
    a, b, size_bytes = (np.array(column, np.int64) for column in (src, dst, size))
    return Flows(a, b, size_bytes, np.full(len(src), start_s), triggers=triggers, fires=fires, names=names)
