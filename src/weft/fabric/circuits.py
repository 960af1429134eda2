"""Which ports optical circuit switches join, so that blocks of a network are joined to each other in pairs.

Every block has U ports, spread evenly over N switches. A uniform mesh joins any two of n blocks by as many circuits as
any other two, give or take one:

- n even: port k of every block takes part in round k mod (n - 1) of a tournament in which each meets each once;
- n odd: ports 2j and 2j + 1 make rings: block i's port 2j is joined to port 2j + 1 of block i + d, d running over
  1 ... (n - 1) / 2, which together are all pairs.

Given circuits are laid out by the same trick: they are turned into directed ones so that each block has as many going
out as coming in (an Euler tour), and these are coloured so that no block has two of one colour (D. König, 1916); colour
j goes out by port 2j and comes in by port 2j + 1. Any wish that no block exceeds its ports with can be met so, for even
numbers of ports on a switch (J. Petersen, 1891).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import FloatArray, IntArray


@dataclass(frozen=True)
class Circuits:
    """Circuits between blocks.

    Attributes:
        a, b: int64[circuits], blocks.
        port_a, port_b: int64[circuits], the port of each block, 0 to U - 1; never the same port twice.
        step: ports that must be on the same switch: 1, or 2 where they are joined as rings.
    """

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    port_a: npt.NDArray[np.int64]
    port_b: npt.NDArray[np.int64]
    step: int

    def __len__(self) -> int:
        return len(self.a)

    def trunks(self, blocks: int) -> npt.NDArray[np.int64]:
        """Return the circuits between every two blocks, int64[blocks, blocks]."""
        count = np.zeros((blocks, blocks), np.int64)
        np.add.at(count, (self.a, self.b), 1)
        np.add.at(count, (self.b, self.a), 1)
        return count


def uniform_mesh(blocks: int, ports: int) -> Circuits:
    """Join any two of some blocks by as many circuits as any other two."""
    if blocks % 2:
        pairs = np.arange(ports // 2)
        distance = 1 + pairs % max(1, (blocks - 1) // 2)
        a, pair = np.indices((blocks if blocks > 1 else 0, len(pairs))).reshape(2, -1)
        return Circuits(a, (a + distance[pair]) % blocks, 2 * pair, 2 * pair + 1, 2)
    rounds = blocks - 1
    place, port = np.indices((blocks // 2, ports)).reshape(2, -1)
    turn = port % rounds
    # the circle method: the last block stays, the others turn around it
    a = np.where(place == 0, rounds, (turn + place) % rounds)
    b = np.where(place == 0, turn, (turn - place) % rounds)
    return Circuits(a, b, port, port, 1)


def given_mesh(wanted: Sequence[tuple[int, int, int]], blocks: int) -> Circuits:
    """Lay out circuits that a user lists as (block, block, how many); no block may exceed its (even) ports."""
    first = np.repeat([a for a, _, _ in wanted], [n for _, _, n in wanted]).astype(np.int64)
    second = np.repeat([b for _, b, _ in wanted], [n for _, _, n in wanted]).astype(np.int64)
    tail, head = _balanced(first.tolist(), second.tolist(), blocks)
    colour = np.array(_colours(tail, head), dtype=np.int64)
    return Circuits(np.array(tail, np.int64), np.array(head, np.int64), 2 * colour, 2 * colour + 1, 2)


def _balanced(first: list[int], second: list[int], blocks: int) -> tuple[list[int], list[int]]:
    """Turn edges into arrows so that out and in differ by at most one at every block: along Euler tours."""
    ends = [[a, b] for a, b in zip(first, second, strict=True)]
    degree = np.bincount(np.array(ends, np.int64).ravel(), minlength=blocks)
    real = len(ends)
    ends += [[block, blocks] for block in np.flatnonzero(degree % 2).tolist()]  # a block beyond makes all even
    at: dict[int, list[int]] = defaultdict(list)
    for edge, (a, b) in enumerate(ends):
        at[a].append(edge)
        at[b].append(edge)
    used = [False] * len(ends)
    for start in list(at):
        here = start
        while True:  # every walk ends where it began, since all degrees are even
            while at[here] and used[at[here][-1]]:
                at[here].pop()
            if not at[here]:
                break
            edge = at[here].pop()
            used[edge] = True
            if ends[edge][0] != here:
                ends[edge].reverse()
            here = ends[edge][1]
    return [a for a, _ in ends[:real]], [b for _, b in ends[:real]]


def _colours(tail: list[int], head: list[int]) -> list[int]:
    """Colour arrows so that no two of a colour leave, or enter, one block: as few colours as the busiest has arrows."""
    out: dict[int, dict[int, int]] = defaultdict(dict)  # block -> colour -> arrow
    into: dict[int, dict[int, int]] = defaultdict(dict)
    colour = [0] * len(tail)
    for arrow, (a, b) in enumerate(zip(tail, head, strict=True)):
        free_a, free_b = _free(out[a]), _free(into[b])
        if free_a != free_b:
            _swap(out, into, tail, head, colour, b, free_a, free_b)
        out[a][free_a], into[b][free_a], colour[arrow] = arrow, arrow, free_a
    return colour


def _free(used: dict[int, int]) -> int:
    """Return the least colour that is not in use."""
    return next(colour for colour in range(len(used) + 1) if colour not in used)


def _swap(
    out: dict[int, dict[int, int]],
    into: dict[int, dict[int, int]],
    tail: list[int],
    head: list[int],
    colour: list[int],
    block: int,
    one: int,
    other: int,
) -> None:
    """Make colour ``one`` free to enter ``block`` by swapping two colours along the path that begins there."""
    path, here, entering, wanted = [], block, True, one
    while (arrow := (into if entering else out)[here].get(wanted)) is not None:
        path.append(arrow)
        here = tail[arrow] if entering else head[arrow]
        entering, wanted = not entering, other if wanted == one else one
    for arrow in path:
        del out[tail[arrow]][colour[arrow]], into[head[arrow]][colour[arrow]]
    for arrow in path:
        colour[arrow] = other if colour[arrow] == one else one
        out[tail[arrow]][colour[arrow]], into[head[arrow]][colour[arrow]] = arrow, arrow


def mesh_cut_Bps(cost: FloatArray, trunk_Bps: FloatArray) -> float:
    """Return the thinnest cut of blocks joined in pairs, each of which may stand on either side.

    Args:
        cost: float64[2, blocks], what must be cut inside a block if its switches stand on the first or second side.
        trunk_Bps: float64[blocks, blocks], symmetric, between blocks.

    Blocks stand on their cheaper side unless their trunks could outweigh what that costs; of those, up to 12 are tried
    in every way, more than that one by one until none gains.
    """
    side = (cost[1] < cost[0]).astype(np.int64)
    undecided = np.flatnonzero(np.abs(cost[0] - cost[1]) < trunk_Bps.sum(axis=1))
    best = _cut(cost, trunk_Bps, side)
    if len(undecided) <= 12:
        for choice in range(2 ** len(undecided)):
            side[undecided] = choice >> np.arange(len(undecided)) & 1
            best = min(best, _cut(cost, trunk_Bps, side))
        return best
    gained = True
    while gained:
        gained = False
        for block in undecided:
            side[block] ^= 1
            now = _cut(cost, trunk_Bps, side)
            if now < best:
                best, gained = now, True
            else:
                side[block] ^= 1
    return best


def _cut(cost: FloatArray, trunk_Bps: FloatArray, side: IntArray) -> float:
    crossing = trunk_Bps[side == 0][:, side == 1].sum()
    return float(cost[side, np.arange(len(side))].sum() + crossing)
