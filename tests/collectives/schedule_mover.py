"""Brute force: run a schedule transfer by transfer on sets of contributions, and count what goes where."""

from __future__ import annotations

from collections import Counter

from weft.collectives import Schedule

Contents = dict[int, dict[int, Counter[int]]]  # rank or switch -> chunk -> how often each rank's data is in it


def run(schedule: Schedule, start: Contents) -> Contents:
    """Execute; transfers of one step read what was there before the step. Sending what one does not have is a fault."""
    held = {who: {c: Counter(v) for c, v in chunks.items()} for who, chunks in start.items()}
    for who in range(schedule.ranks + schedule.switches):
        held.setdefault(who, {})
    for step in schedule.unrolled():
        sent = []
        for t in step.transfers:
            for k in range(t.count):
                chunk = (t.chunk + k) % schedule.chunks
                assert chunk in held[t.src], f"{t.src} has no chunk {chunk} to send to {t.dst}"
                sent.append((t.dst, chunk, Counter(held[t.src][chunk])))
        fresh: set[tuple[int, int]] = set()
        for dst, chunk, data in sent:
            if step.reduce:
                held[dst][chunk] = held[dst].get(chunk, Counter()) + data
            else:
                assert (dst, chunk) not in fresh, "two copies race for one place"
                held[dst][chunk] = data
            fresh.add((dst, chunk))
    return held


def inputs(schedule: Schedule, owners: dict[int, int] | None = None) -> Contents:
    """What each rank starts with."""
    n, kind = schedule.ranks, schedule.kind
    if kind == "all_gather":
        assert owners is not None
        return {rank: {c: Counter([rank]) for c, owner in owners.items() if owner == rank} for rank in range(n)}
    if kind == "broadcast":
        return {0: {c: Counter([0]) for c in range(schedule.chunks)}}
    if kind == "all_to_all":
        return {i: {i * n + j: Counter([i]) for j in range(n)} for i in range(n)}
    if kind == "send_recv":
        return {i: {i: Counter([i])} for i in range(n)}
    return {i: {c: Counter([i]) for c in range(schedule.chunks)} for i in range(n)}


def whole(n: int) -> Counter[int]:
    """Everybody's data, once each."""
    return Counter(range(n))


def owners_after(schedule: Schedule) -> dict[int, int]:
    """chunk -> the one rank that a reduce-scatter leaves it whole at."""
    held = run(schedule, inputs(schedule))
    found: dict[int, int] = {}
    for rank in range(schedule.ranks):
        for chunk, data in held[rank].items():
            if data == whole(schedule.ranks):
                assert chunk not in found, "two ranks own a chunk"
                found[chunk] = rank
    return found


def outside_bytes(schedule: Schedule, unit: int) -> float:
    """Most bytes that a rank sends to, or receives from, others than those of its unit."""
    crossed: Counter[tuple[str, int]] = Counter()
    for step in schedule.unrolled():
        for t in step.transfers:
            if t.src // unit != t.dst // unit:
                crossed["out", t.src] += t.count
                crossed["in", t.dst] += t.count
    return max(crossed.values(), default=0) * schedule.chunk_bytes


def inside_bytes(schedule: Schedule, unit: int) -> float:
    """Most bytes a rank sends to, or receives from, others of its unit (or its unit's switch)."""
    unit_of = {rank: rank // unit for rank in range(schedule.ranks)}
    unit_of |= {schedule.ranks + i: i for i in range(schedule.switches) if i < schedule.ranks // unit}
    sent: Counter[tuple[str, int]] = Counter()
    for step in schedule.unrolled():
        for t in step.transfers:
            if unit_of.get(t.src, -1) == unit_of.get(t.dst, -2):
                sent["out", t.src] += t.count
                sent["in", t.dst] += t.count
    return max((n for (_, who), n in sent.items() if who < schedule.ranks), default=0) * schedule.chunk_bytes
