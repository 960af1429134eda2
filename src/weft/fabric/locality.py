"""Who is near whom: for every accelerator, the unit it is in at each level, and groups made from that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.group import CommGroup, Level
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import IntArray

Ranks = range | Sequence[int] | IntArray


class Locality:
    """Answers `group` and `p2p` from one small integer per accelerator and level.

    Attributes:
        scale_up_unit: int32[accelerators], the scale-up domain of each.
        rail: int16[accelerators], the NIC of its node that it uses (the first, where it has several).
        unit: one int32[accelerators] per tier: the unit its port is in.
        rail_unit: the same when traffic may change rails inside the node first; ``unit`` where rails mean nothing.
    """

    def __init__(self, plan: Plan, network: ScaleOut) -> None:
        self.plan, self.network = plan, network
        index = np.arange(plan.accelerators, dtype=np.int64)
        node, local = np.divmod(index, plan.per_node)
        meshed = plan.scale_up.kind != "none"
        self.scale_up_unit: npt.NDArray[np.int32] = (node if meshed else index).astype(np.int32)
        nic = local * plan.nics // plan.per_node
        self.rail: npt.NDArray[np.int16] = nic.astype(np.int16)
        port = node * plan.nics + nic
        self.unit = [tier.unit[port] for tier in network.tiers]
        self.rail_unit = [
            tier.unit[port] if tier.rail_unit is None or not meshed else tier.rail_unit[port] for tier in network.tiers
        ]

    def group(self, ranks: Ranks) -> CommGroup:
        """Lay a group over the levels of the network, inner to outer, up to the first that holds all of it.

        Rails: where every scale-up domain brings the same set of rails, traffic changes rails inside the domain (as
        NCCL's PXN does) and stays under the leaves of one unit; otherwise it needs the spines between rails.

        Args:
            ranks: accelerator indices, no two alike.

        Raises:
            ConfigError: empty, repeated, or out of range.
        """
        members = self._checked(ranks)  # ascending, so that a scale-up domain is one run of them
        plan, network = self.plan, self.network
        domain, rail = self.scale_up_unit[members], self.rail[members]
        same_domain = domain[1:] == domain[:-1]
        starts = np.flatnonzero(np.concatenate([[True], ~same_domain]))
        largest = int(np.diff(starts, append=len(members)).max())
        first = starts[np.diff(starts, append=len(members)).argmax()]
        levels = [self._scale_up(members[first : first + largest] % plan.per_node, len(starts))]
        pairs = 1 + np.count_nonzero(~same_domain | (rail[1:] != rail[:-1]))  # of a domain and a rail in use there
        aligned = pairs == len(starts) * np.count_nonzero(np.bincount(rail))
        last = len(network.tiers) - 1
        for depth in range(len(network.tiers)):
            if levels[-1].units == 1:
                break
            column = self.rail_unit[depth] if aligned or depth == last else self.unit[depth]
            unit = column[members]
            if (same_domain & (unit[1:] != unit[:-1])).any():
                continue  # a scale-up domain reaches into several units of this tier: it is no level of this group
            counts = np.bincount(unit)
            levels.append(self._level(depth, int(counts.max()), int(np.count_nonzero(counts)), column))
        return CommGroup(
            ranks=len(members),
            levels=tuple(levels),
            accelerator=plan.accelerator.id,
            nics_per_unit=plan.nics,
        )

    def levels(self) -> tuple[Level, ...]:
        """Return every level of the whole cluster, inner to outer, as its accelerators together see it."""
        levels = [self._scale_up(np.arange(_fullest(self.scale_up_unit)), len(np.unique(self.scale_up_unit)))]
        for depth, column in enumerate(self.rail_unit):
            levels.append(self._level(depth, _fullest(column), len(np.unique(column)), column))
        return tuple(levels)

    def p2p(self, a: int, b: int) -> Level:
        """Return the level over which two accelerators talk: in a full mesh their own link, not the sum of all.

        Raises:
            ConfigError: the same accelerator twice, or out of range.
        """
        return self.group([a, b]).levels[-1]

    def _checked(self, ranks: Ranks) -> npt.NDArray[np.int64]:
        total = self.plan.accelerators
        members = np.arange(ranks.start, ranks.stop, ranks.step) if isinstance(ranks, range) else np.asarray(ranks)
        if members.ndim != 1 or not len(members) or not np.issubdtype(members.dtype, np.integer):
            raise ConfigError("a group is a list of one or more accelerator numbers", field="ranks")
        members = np.sort(members.astype(np.int64))
        if members[0] < 0 or members[-1] >= total:
            wrong = members[0] if members[0] < 0 else members[-1]
            raise ConfigError(f"there is no accelerator {wrong}; the cluster has 0 to {total - 1}", field="ranks")
        if (members[1:] == members[:-1]).any():
            raise ConfigError("an accelerator is named twice in one group", field="ranks")
        return members

    def _scale_up(self, members: IntArray, units: int) -> Level:
        """Return the innermost level, from the members' numbers inside the fullest scale-up domain."""
        plan, ranks = self.plan.scale_up, len(members)
        rate_Bps, latency_s, exchange = plan.rate_Bps, plan.latency_s, 1.0
        sides: tuple[int, ...] = ()
        if plan.kind == "full_mesh" and ranks > 1:  # links to accelerators outside the group do not help it
            rate_Bps *= (ranks - 1) / (self.plan.per_node - 1)
        elif plan.grid is not None:
            rate_Bps, latency_s, exchange = plan.grid.seen_by(members)
            sides = plan.grid.sides(members)
        return Level(
            name=plan.protocol,
            domain="scale-up",
            protocol=plan.protocol,
            ranks=ranks,
            units=units,
            rate_Bps=rate_Bps,
            latency_s=latency_s,
            accelerators=1 if plan.kind == "none" else self.plan.per_node,
            reduces=plan.reduces,
            exchange=exchange,
            sides=sides,
        )

    def _level(self, depth: int, ranks: int, units: int, column: IntArray) -> Level:
        tier = self.network.tiers[depth]
        return Level(
            name=tier.name,
            domain="scale-out",
            protocol=self.network.protocol,
            ranks=ranks,
            units=units,
            rate_Bps=self.network.rate_Bps * self.plan.nics / self.plan.per_node,
            latency_s=tier.latency_s + self.plan.nic_latency_s,
            oversubscription=self.oversubscription[depth],
            accelerators=self._under[depth][column is self.rail_unit[depth]],
            reduces=self.network.reduces,
            exchange=self._exchange if depth == len(self.network.tiers) - 1 else 1.0,
        )

    @cached_property
    def _exchange(self) -> float:
        """Share of the outermost level left when all ports talk to all: half of that crosses the bisection.

        Uplinks say it for trees of switches; direct networks carry others' traffic over the same links.
        """
        network, endpoints = self.network, len(self.network.tiers[0].unit)
        if network.bisection_Bps is None or endpoints < 2:
            return 1.0
        return min(1.0, 4 * network.bisection_Bps / (endpoints * network.rate_Bps) * self.oversubscription[-1])

    @cached_property
    def oversubscription(self) -> tuple[float, ...]:
        """Host bandwidth below the fullest unit of the tier beneath, over its uplinks into this one; at least 1."""
        ratios = [1.0]
        for tier in self.network.tiers[:-1]:
            ports = np.bincount(tier.unit, minlength=len(tier.uplink_Bps))
            fullest = int(ports.argmax())
            up_Bps = float(tier.uplink_Bps[fullest])  # nothing leads up from a plane of its own
            ratios.append(max(1.0, float(ports[fullest]) * self.network.rate_Bps / up_Bps) if up_Bps else 1.0)
        return tuple(ratios)

    @cached_property
    def _under(self) -> list[tuple[int, int]]:
        """Accelerators under the fullest unit of each tier: by port, and when rails may change inside the node."""
        return [(_fullest(unit), _fullest(rail)) for unit, rail in zip(self.unit, self.rail_unit, strict=True)]


def _fullest(unit: IntArray) -> int:
    """Return how many members the fullest unit has."""
    return int(np.bincount(unit).max())
