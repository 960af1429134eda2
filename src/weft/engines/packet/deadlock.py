"""Finds what waits for itself: links that are stopped because the next one on their packets' way is, in a circle.

A link that is paused or without credit waits until the switch beyond has sent on what came by it; that waits before
other links. Where such waiting comes back to where it began, nothing in it ever moves again (W. Dally and C. Seitz,
Deadlock-Free Message Routing in Multiprocessor Interconnection Networks, IEEE Trans. Comput. 36, 1987).
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.engines.packet import code_kernels as code
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.tables import Tables
from weft.errors import DeadlockError

_SHOWN = 8  # links that a message names


def find_cycle(tables: Tables) -> list[tuple[int, int]]:
    """Return (port, level) of stopped queues that wait for each other, in order; empty where there are none.

    O(packets held).
    """
    waits = {queue: sorted(_waits_for(tables, queue)) for queue in _stopped(tables)}
    done: set[tuple[int, int]] = set()
    for start in sorted(waits):
        path: list[tuple[int, int]] = []
        place: dict[tuple[int, int], int] = {}
        todo = [(start, 0)]
        while todo:
            queue, depth = todo.pop()
            for left in path[depth:]:
                done.add(left)
                del place[left]
            del path[depth:]
            if queue in place:
                return path[place[queue] :]
            if queue in done or queue not in waits:
                continue
            place[queue] = len(path)
            path.append(queue)
            todo += [(after, len(path)) for after in waits[queue]]
        done.update(path)
    return []


def deadlock(network: PacketNetwork, tables: Tables) -> DeadlockError | None:
    """Return what to say of a circle of waiting links; None where there is none."""
    cycle = find_cycle(tables)
    if not cycle:
        return None
    names = [network.port_name(port) for port, _ in cycle]
    shown = names[:_SHOWN] + ([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])
    kind = tables.settings.transport.queues
    missing = "credit" if kind == "credit" else "the end of a pause"
    at_us = float(tables.world[0].now) / PS * 1e6
    message = f"{len(names)} links wait for each other's {missing} for ever, at {at_us:.3f} us: {', '.join(shown)}"
    return DeadlockError(f"{message}; more lanes, or ways that do not close a circle, would keep them apart", names)


def _stopped(tables: Tables) -> Iterator[tuple[int, int]]:
    """Queues of switches and hosts whose first packet may not be sent."""
    world = tables.world[0]
    classes, credits = int(world.classes), int(world.full) == code.CREDITS
    queues, ports, inlets = tables["queues"], tables["ports"], tables["inlets"]
    for row in queues["count"].nonzero()[0]:
        port, level = divmod(int(row), classes)
        if ports["serving"][port] != code.NOTHING or level == 0:
            continue
        size = int(tables["packets"]["size"][queues["head"][row]])
        paused = bool(int(ports["paused"][port]) >> level & 1)
        if paused or (credits and int(inlets["credit"][row]) < size):
            yield port, level


def _waits_for(tables: Tables, queue: tuple[int, int]) -> set[tuple[int, int]]:
    """Queues that hold what came by a stopped port in a class."""
    world = tables.world[0]
    classes = int(world.classes)
    ports, queues, packets, loads = (tables[name] for name in ("ports", "queues", "packets", "loads"))
    port, level = queue
    beyond, inlet = int(ports["to"][port]), port * classes + level
    found = set()
    for other in (ports["node"] == beyond).nonzero()[0] if beyond >= 0 else ():
        for into in range(1, classes):
            row = int(other) * classes + into
            packet, left = int(queues["head"][row]), int(queues["count"][row])
            while left:
                if loads["inlet"][packet] == inlet:
                    found.add((int(other), into))
                    break
                packet, left = int(packets["next"][packet]), left - 1
    return found
