"""The ends of flows: told to whoever listens, and counted for what waits for them.

A flow ends for others when its sender knows that all has arrived, as in htsim, or when its receiver has it all
(``ends_at_receipt``), which is when a rank of a collective can go on.
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.code_kernels import START
from weft.engines.packet.event_kernels import at_time
from weft.engines.packet.record_kernels import (
    World,
    ended,
    ends_first,
    ends_trigger,
    senders,
    trigger_flows,
    triggers,
)


@kernel
def tell_end(w: World, f: int) -> None:
    """A flow has ended: let the loop hear of it, and start what waited for this."""
    ended(w, w.ended_count).row = f
    w.ended_count += 1
    for i in range(ends_first(w, f).row, ends_first(w, f + 1).row):
        activate(w, ends_trigger(w, i).row)


@kernel
def activate(w: World, t: int) -> None:
    """Count towards a trigger; start what it holds back when it has been activated often enough."""
    trigger = triggers(w, t)
    trigger.have += 1
    if trigger.each:  # one more flow each time
        if trigger.next < trigger.end:
            release_flow(w, trigger_flows(w, trigger.next).row)
            trigger.next += 1
    elif trigger.have == trigger.need:
        for i in range(trigger.first, trigger.end):
            release_flow(w, trigger_flows(w, i).row)


@kernel
def release_flow(w: World, f: int) -> None:
    """One of the triggers that a flow waits for has fired."""
    sender = senders(w, f)
    sender.waits -= 1
    if sender.waits == 0:
        at_time(w, max(w.now, sender.start_ps), START, f)
