"""From which port to which port a flow goes: sides, planes, several NICs, and a change of rails before it leaves.

Traffic leaves by all ports of an accelerator evenly, each to the port of the destination that it meets lowest in the
network (all of these, evenly, where several are as low); hashing policies choose one port of a NIC for each queue pair
instead. PXN (NCCL 2.12): where the accelerator of the source's domain that has the destination's place meets it lower,
or is the only one that meets it, traffic goes to that accelerator first and out by its NIC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import IntArray
from weft.routing.hashing import Hashing, Keys
from weft.routing.host_ports import HostPorts

#: (int32[n], int32[n] switches) -> int8[n], tiers above both at which they meet; -1 for never
Meeting = Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32]], npt.NDArray[np.int8]]
_NEVER = 127


@dataclass(frozen=True)
class Ends:
    """One end of each flow: the ports it may use.

    Attributes:
        accelerator: int64[flows]; -1 where the flow begins or ends at a switch.
        switch: int32[flows, ports]; -1 for none.
        up: bool[flows, ports].
        nic: int16[flows, ports].
        links: int32[flows, ports, 2], between accelerator and switch in the order of travel; -1 for none.
    """

    accelerator: npt.NDArray[np.int64]
    switch: npt.NDArray[np.int32]
    up: npt.NDArray[np.bool_]
    nic: npt.NDArray[np.int16]
    links: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Legs:
    """Parts of flows, each from one port to one port.

    Attributes:
        flow: int64[legs], ascending.
        share: float64[legs] of its flow.
        key: uint64[legs].
        src, dst: int32[legs], switches.
        out, into: int32[legs, 2], links to the first switch and from the last; -1 for none.
        via: int64[legs], the accelerator whose port it leaves by; -1 for the flow's own.
    """

    flow: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    key: Keys
    src: npt.NDArray[np.int32]
    dst: npt.NDArray[np.int32]
    out: npt.NDArray[np.int32]
    into: npt.NDArray[np.int32]
    via: npt.NDArray[np.int64]


def ends(ports: HostPorts, accelerator: IntArray, switch: IntArray, *, out: bool) -> Ends:
    """Return the ports of one end of each flow: an accelerator's, or the switch itself where that is -1.

    Args:
        ports: of all accelerators.
        accelerator: int[flows]; -1 for switches.
        switch: int[flows]; -1 for accelerators, and for what has no port at all.
        out: flows leave by them.
    """
    own = accelerator >= 0
    at = np.where(own, accelerator, 0)
    switches, links = ports.switch[at], ports.out[at]
    up = (ports.leaves if out else ports.enters)[at] & own[:, None]
    if not out:
        links = np.where(links >= 0, links + 1, -1)[:, :, ::-1]
    if not own.all():
        switches[~own], links[~own] = -1, -1
        switches[~own, 0] = switch[~own]
        up[~own, 0] = switch[~own] >= 0
    return Ends(accelerator.astype(np.int64), switches, up, ports.nic[at], links)


def make_legs(
    src: Ends,
    dst: Ends,
    relay: IntArray,
    ports: HostPorts,
    key: Keys,
    meet: Meeting,
    pxn: Literal["auto", "always", "never"],
    hashing: Hashing,
    paths: int,
) -> Legs:
    """Choose the ports of flows between domains.

    Args:
        src, dst: their ends.
        relay: int[flows], the accelerator that may send for the source; -1 for none.
        ports: of all accelerators.
        key: uint64[flows].
        meet: how high two switches meet.
        pxn: when relays are used.
        hashing: chooses ports where ``paths`` is not 0.
        paths: queue pairs that are hashed each by itself; 0 to spread evenly.
    """
    height = _heights(src, dst, meet)
    via = np.full(len(key), -1, np.int64)
    candidates = np.flatnonzero((relay >= 0) & ((height.min(axis=(1, 2), initial=_NEVER) > 0) | (pxn == "always")))
    if pxn != "never" and len(candidates):
        other = ends(ports, relay[candidates], np.full(len(candidates), -1), out=True)
        lower = _heights(other, _taken(dst, candidates), meet)
        best = lower.min(axis=(1, 2))
        better = best < height[candidates].min(axis=(1, 2))
        use = (best < _NEVER) if pxn == "always" else better
        rows = candidates[use]
        via[rows], height[rows] = relay[rows], lower[use]
        for mine, theirs in (
            (src.switch, other.switch),
            (src.up, other.up),
            (src.nic, other.nic),
            (src.links, other.links),
        ):
            mine[rows] = theirs[use]
    chosen = (height < _NEVER) & (height == height.min(axis=2, keepdims=True))
    split = _hashed(chosen, src.nic, key, hashing, paths) if paths else _even(chosen, key)
    flow, i, k, share, leg_key = split
    return Legs(
        flow,
        share,
        leg_key,
        src.switch[flow, i],
        dst.switch[flow, k],
        src.links[flow, i],
        dst.links[flow, k],
        via[flow],
    )


def _taken(some: Ends, rows: IntArray) -> Ends:
    return Ends(some.accelerator[rows], some.switch[rows], some.up[rows], some.nic[rows], some.links[rows])


def _heights(src: Ends, dst: Ends, meet: Meeting) -> npt.NDArray[np.int8]:
    """Return how high each port of one end meets each of the other, int8[flows, ports, ports]; 127 for never."""
    both = src.up[:, :, None] & dst.up[:, None, :]
    flow, i, k = np.nonzero(both)
    height = np.full(both.shape, _NEVER, np.int8)
    found = meet(src.switch[flow, i], dst.switch[flow, k])
    height[flow, i, k] = np.where(found < 0, _NEVER, found)
    return height


_Split = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint64]
]


def _even(chosen: npt.NDArray[np.bool_], key: Keys) -> _Split:
    """Spread flows evenly over the ports they leave by, and each of these evenly over where it leads."""
    flow, i, k = np.nonzero(chosen)
    fan = chosen.sum(axis=2)
    share = 1.0 / (fan[flow, i] * (fan > 0).sum(axis=1)[flow])
    return flow, i, k, share, key[flow]


def _hashed(
    chosen: npt.NDArray[np.bool_], nic: npt.NDArray[np.int16], key: Keys, hashing: Hashing, paths: int
) -> _Split:
    """Spread flows evenly over NICs; each queue pair takes one pair of ports by hash."""
    flows, ends_here, ends_there = chosen.shape
    nics = int(nic.max(initial=0)) + 1
    parts = []
    for which in range(nics):
        mine = (chosen & (nic == which)[:, :, None]).reshape(flows, ends_here * ends_there)
        count = mine.sum(axis=1)
        some = np.flatnonzero(count)
        flow, queue_pair = np.repeat(some, paths), np.tile(np.arange(paths), len(some))
        leg_key = hashing.queue_pair(key[flow], queue_pair * nics + which)
        if (count[some] == 1).all():
            port = np.repeat(mine[some].argmax(axis=1), paths)
        else:
            pick = (hashing.unit(leg_key, which) * count[flow]).astype(np.int64)
            port = (mine[flow].cumsum(axis=1) == (pick + 1)[:, None]).argmax(axis=1)
        parts.append((flow, port, leg_key))
    flow, port, leg_key = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(flow, kind="stable") if nics > 1 else slice(None)
    flow, port, leg_key = flow[order], port[order], leg_key[order]
    share = 1.0 / np.bincount(flow, minlength=flows)[flow]
    return flow, port // ends_there, port % ends_there, share, leg_key
