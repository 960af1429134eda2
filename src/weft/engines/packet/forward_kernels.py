"""Which port a switch sends a packet to: table, and among equal next hops a hash, queues, or turns.

A switch's table has a set of next hops for each edge switch; a host's edge knows its port. A packet with an edge to go
by (Valiant) takes the table of that edge first. Virtual channels count hops, so that no packet ever waits for one of a
lower number (K. Günther, IEEE Trans. Commun. 29, 1981).
"""

from __future__ import annotations

import numpy as np

from weft._jit import kernel
from weft.engines.packet.code_kernels import (
    FIRST,
    FLOWLETS,
    IN_TURN,
    MINIMAL,
    NOTHING,
    SHORTEST_QUEUE,
    TWO_CHOICES,
    UGAL,
    VALIANT,
)
from weft.engines.packet.random_kernels import below
from weft.engines.packet.record_kernels import (
    World,
    distances,
    edge_switches,
    flowlets,
    hop_sets,
    loads,
    next_sets,
    packets,
    places,
    ports,
    set_ports,
    switches,
)
from weft.routing.hash_kernels import mix

_HIGH = np.uint64(32)


@kernel
def next_port(w: World, p: int, node: int) -> int:
    """Return the port that a packet leaves a switch by; -1 where there is no way."""
    packet = packets(w, p)
    place = places(w, packet.dst)
    edge = int(place.edge)
    if packet.flags & FIRST:
        packet.flags &= ~FIRST
        if w.way == VALIANT or w.way == UGAL:
            _detour(w, p, node, edge)
    if w.way != MINIMAL and loads(w, p).via >= 0:
        load = loads(w, p)
        if edge_switches(w, load.via).row == node:
            load.via = NOTHING
        else:
            edge = int(load.via)
    if edge_switches(w, edge).row == node:
        return int(place.down)
    hops = next_sets(w, node * w.edges + edge).set
    if hops < 0:
        return only(hops)
    first, count = hop_sets(w, hops).first, hop_sets(w, hops).count
    if packet.level > 0:
        if w.switch_choice == SHORTEST_QUEUE:
            return shortest(w, first, count)
        if w.switch_choice == TWO_CHOICES:
            a, b = (
                int(set_ports(w, first + below(w, count)).row),
                int(set_ports(w, first + below(w, count)).row),
            )
            return a if ports(w, a).queued <= ports(w, b).queued else b
        if w.switch_choice == IN_TURN:
            return _in_turn(w, node, first, count)
        if w.switch_choice == FLOWLETS:
            return _flowlet(w, p, node, first, count)
    return int(set_ports(w, first + _hash(w, p, node, count)).row)


@kernel
def _hash(w: World, p: int, node: int, count: int) -> int:
    """Return what a packet's headers hash to at a switch, below ``count``."""
    packet = packets(w, p)
    key = (np.uint64(packet.flow) << _HIGH) ^ (np.uint64(packet.entropy) << np.uint64(1)) ^ np.uint64(packet.kind > 1)
    mixed = mix(key ^ switches(w, node).salt)
    if count & (count - 1) == 0:  # spares a division
        return int(np.int64(mixed & np.uint64(count - 1)))
    return int(np.int64(mixed % np.uint64(count)))


@kernel
def shortest(w: World, first: int, count: int) -> int:
    """Return the port of a set that has the least data before it and is up; the first of equals after a random one."""
    start = below(w, count)
    best, least = int(set_ports(w, first + start).row), 1 << 62
    for i in range(count):
        q = int(set_ports(w, first + (start + i) % count).row)
        waiting = ports(w, q).queued if ports(w, q).up and ports(w, q).paused == 0 else 1 << 61
        if waiting < least:
            best, least = q, waiting
    return best


@kernel
def only(hops: int) -> int:
    """Return the one port that a negative set stands for, -1 for none."""
    return int(NOTHING if hops == NOTHING else -2 - hops)


@kernel
def _least(w: World, hops: int) -> int:
    """Return the port of a set, which is not empty, that has the least data before it."""
    if hops >= 0:
        return shortest(w, hop_sets(w, hops).first, hop_sets(w, hops).count)
    below(w, 1)  # as for a set of one
    return only(hops)


@kernel
def _in_turn(w: World, node: int, first: int, count: int) -> int:
    """Take each port of a set once, in an order that is shuffled anew each round."""
    switch = switches(w, node)
    if switch.turn >= count:
        switch.turn = 0
        for left in range(count, 1, -1):
            a, b = set_ports(w, first + below(w, left)), set_ports(w, first + left - 1)
            a.row, b.row = b.row, a.row
    switch.turn += 1
    return int(set_ports(w, first + switch.turn - 1).row)


@kernel
def _flowlet(w: World, p: int, node: int, first: int, count: int) -> int:
    """Keep a flow's port until it has paused for long enough that what comes next cannot overtake."""
    memory = flowlets(w, node * w.flows + packets(w, p).flow)
    now = w.now
    choice = memory.choice
    if choice == 0 or now - memory.last_ps > w.flowlet_ps:
        choice = shortest(w, first, count) + 1
        memory.choice = choice
    memory.last_ps = now
    return int(choice - 1)


@kernel
def _detour(w: World, p: int, node: int, edge: int) -> None:
    """Choose an edge to go by: a random one (Valiant), or that if its way is shorter by hops x queue (UGAL-L).

    J. Kim et al., Technology-driven, highly-scalable Dragonfly topology, ISCA 2008: a router compares the queues of
    its own ports only.
    """
    via = below(w, w.detours)
    if edge_switches(w, edge).row == node or via == edge or edge_switches(w, via).row == node:
        return
    direct, round_about = next_sets(w, node * w.edges + edge).set, next_sets(w, node * w.edges + via).set
    beyond = next_sets(w, edge_switches(w, via).row * w.edges + edge).set
    if direct == NOTHING or round_about == NOTHING or beyond == NOTHING:
        return  # there is no way
    if w.way == UGAL:
        near, far = _least(w, direct), _least(w, round_about)
        near_hops = distances(w, node * w.edges + edge).hops
        far_hops = distances(w, node * w.edges + via).hops
        far_hops += distances(w, edge_switches(w, via).row * w.edges + edge).hops
        if ports(w, near).queued * near_hops <= ports(w, far).queued * far_hops + w.mtu:
            return
    loads(w, p).via = via
