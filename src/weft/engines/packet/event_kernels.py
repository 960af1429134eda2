"""What happens next: one queue of events a delay, and a heap for delays of their own.

Nearly all delays are one of a few: sending a full or a control packet, and crossing a wire. Events of one delay fall
due in the order in which they were made, so each delay has a ring, and the next event of all is at the head of one of
them. The rings that have events are in a binary heap by their heads; with the handful of delays a network has it
stays in a cache line or two. Whatever has a delay of its own (odd packets, timers, paces) is in a heap.

Events are ordered by (time, order made), so that simulations are the same wherever they run. O(log rings) an event.
"""

from __future__ import annotations

from typing import Any

from weft._jit import kernel
from weft.engines.packet.code_kernels import KIND_BITS, NEVER
from weft.engines.packet.record_kernels import World, events, heap, ring_order, rings


@kernel
def after(w: World, ring: int, kind: int, index: int) -> None:
    """Let an event fall due a ring's delay from now."""
    r = rings(w, ring)
    at = r.first + (r.tail & r.mask)
    event = events(w, at)
    _fill(event, w.now + r.delay, w.order, (index << KIND_BITS) + kind)
    r.tail += 1
    if r.tail - r.head == 1:
        r.time = w.now + r.delay
        r.order = w.order
        _enter(w, ring)
    w.order += 1


@kernel
def at_time(w: World, time: int, kind: int, index: int) -> None:
    """Let an event fall due at a time, now or later."""
    order = w.order
    w.order += 1
    child = w.heaped
    w.heaped += 1
    while child > 0:
        parent = (child - 1) >> 1
        if heap(w, parent).time <= time:
            break
        _copy(heap(w, child), heap(w, parent))
        child = parent
    _fill(heap(w, child), time, order, (index << KIND_BITS) + kind)


@kernel
def again_first(w: World, kind: int, index: int) -> None:
    """Put the event that was just taken back: it is again the first."""
    child = w.heaped
    w.heaped += 1
    while child > 0:
        parent = (child - 1) >> 1
        _copy(heap(w, child), heap(w, parent))
        child = parent
    _fill(heap(w, 0), w.now, -1, (index << KIND_BITS) + kind)


@kernel
def next_time(w: World) -> int:
    """Return when the next event falls due; the end of time where there is none."""
    time = NEVER
    if w.ring_count > 0:
        time = rings(w, ring_order(w, 0).row).time
    if w.heaped > 0 and heap(w, 0).time < time:
        time = heap(w, 0).time
    return time


@kernel
def take(w: World) -> int:
    """Advance to the next event and return what it is."""
    if w.ring_count > 0:
        r = rings(w, ring_order(w, 0).row)
        if w.heaped == 0 or _earlier(r.time, r.order, heap(w, 0).time, heap(w, 0).order):
            w.now = r.time
            what = events(w, r.first + (r.head & r.mask)).what
            r.head += 1
            _leave(w)
            return int(what)
    w.now = heap(w, 0).time
    what = heap(w, 0).what
    _pop(w)
    return int(what)


@kernel
def _earlier(time: int, order: int, other_time: int, other_order: int) -> bool:
    """Whether one event comes before another."""
    return time < other_time or (time == other_time and order < other_order)


@kernel
def _before(w: World, ring: int, other: int) -> bool:
    """Whether a ring's head comes before another's."""
    a, b = rings(w, ring), rings(w, other)
    return _earlier(a.time, a.order, b.time, b.order)


@kernel
def _enter(w: World, ring: int) -> None:
    """Put a ring that has its first event among the others."""
    child = w.ring_count
    w.ring_count += 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _before(w, ring, ring_order(w, parent).row):
            break
        ring_order(w, child).row = ring_order(w, parent).row
        child = parent
    ring_order(w, child).row = ring


@kernel
def _leave(w: World) -> None:
    """Move the first ring to where its new head belongs, or out."""
    ring = ring_order(w, 0).row
    r = rings(w, ring)
    if r.head == r.tail:
        w.ring_count -= 1
        if w.ring_count == 0:
            return
        ring = ring_order(w, w.ring_count).row
    else:
        event = events(w, r.first + (r.head & r.mask))
        r.time = event.time
        r.order = event.order
    parent, count = 0, w.ring_count
    while True:
        child = 2 * parent + 1
        if child >= count:
            break
        if child + 1 < count and _before(w, ring_order(w, child + 1).row, ring_order(w, child).row):
            child += 1
        if not _before(w, ring_order(w, child).row, ring):
            break
        ring_order(w, parent).row = ring_order(w, child).row
        parent = child
    ring_order(w, parent).row = ring


@kernel
def _pop(w: World) -> None:
    """Take the first event out of the heap."""
    w.heaped -= 1
    count = w.heaped
    if count == 0:
        return
    time, order, what = heap(w, count).time, heap(w, count).order, heap(w, count).what
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= count:
            break
        if child + 1 < count and _earlier(
            heap(w, child + 1).time, heap(w, child + 1).order, heap(w, child).time, heap(w, child).order
        ):
            child += 1
        if not _earlier(heap(w, child).time, heap(w, child).order, time, order):
            break
        _copy(heap(w, parent), heap(w, child))
        parent = child
    _fill(heap(w, parent), time, order, what)


@kernel
def _fill(event: Any, time: int, order: int, what: int) -> None:
    event.time = time
    event.order = order
    event.what = what


@kernel
def _copy(event: Any, other: Any) -> None:
    _fill(event, other.time, other.order, other.what)
