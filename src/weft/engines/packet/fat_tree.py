"""Folded Clos networks of two or three tiers, as packet simulators parametrise them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.engines.packet.network import PacketNetwork
from weft.errors import ConfigError

#: Bytes that a simulation takes, roughly: of a port with its queues and counters; of a switch and an edge switch in
#: forwarding tables; of two edge switches as the longest way is looked for.
_PORT_BYTES, _CELL_BYTES, _PAIR_BYTES = 500, 5, 48
_MOST_BYTES = 16e9


@dataclass(frozen=True)
class Tier:
    """One tier of switches and the links below it.

    Attributes:
        rate_Bps: of each link below.
        latency_s: of each link below.
        switch_latency_s: of a switch.
        down: ports down.
        up: ports up; 0 on the top tier.
        bundle: parallel links to each switch below.
    """

    rate_Bps: float
    latency_s: float
    down: int
    up: int = 0
    switch_latency_s: float = 0.0
    bundle: int = 1


@dataclass(frozen=True)
class FatTree:
    """A folded Clos network.

    Attributes:
        hosts: in all.
        pod_hosts: a pod; all of them with two tiers.
        tiers: from the hosts' switches up.
    """

    hosts: int
    pod_hosts: int
    tiers: tuple[Tier, ...]

    @property
    def links(self) -> int:
        """Links from host to host on the longest way."""
        return 2 * len(self.tiers)

    @property
    def latency_s(self) -> float:
        """Wires and switches on the longest way, one way."""
        wires = 2 * sum(tier.latency_s for tier in self.tiers)
        top = self.tiers[-1].switch_latency_s
        return wires + 2 * sum(tier.switch_latency_s for tier in self.tiers[:-1]) + top

    @property
    def oversubscription(self) -> float:
        """Rate into the hosts' switches from below over that from above."""
        low, above = self.tiers[0], self.tiers[1]
        return low.down * low.rate_Bps / (low.up * above.rate_Bps)

    def network(self, degraded: int = 0, rate_x: float = 0.25) -> PacketNetwork:
        """Return it, with some links degraded.

        Args:
            degraded: of three tiers the first so many links from the core to the first switches below it; of two tiers
                all links of the first so many spines, both ways.
            rate_x: what is left of their rate.

        Raises:
            ConfigError: the ports do not fit together.
        """
        return self._two(degraded, rate_x) if len(self.tiers) == 2 else self._three(degraded, rate_x)

    def counts(self) -> tuple[int, ...]:
        """Return how many switches each tier has, from the hosts up, without building anything.

        Raises:
            ConfigError: the ports do not fit together.
        """
        leaf, spine = self.tiers[0], self.tiers[1]
        leaves = _whole(self.hosts, leaf.down, "hosts a leaf")
        spines = _whole(leaf.up, spine.bundle, "links a spine")
        if len(self.tiers) == 2:
            if spine.down != leaves * spine.bundle:
                message = f"a spine with {spine.down} ports down cannot reach {leaves} leaves"
                raise ConfigError(message, field="Radix_Down")
            return leaves, spines
        core = self.tiers[2]
        pods = _whole(self.hosts, self.pod_hosts, "hosts a pod")
        pod_leaves = _whole(self.pod_hosts, leaf.down, "hosts of a pod a leaf")
        if spine.down != pod_leaves * spine.bundle:
            message = f"a spine with {spine.down} ports down does not fit {pod_leaves} leaves of a pod"
            raise ConfigError(message, field="Radix_Down")
        cores = spines * _whole(spine.up, core.bundle, "links a core switch")
        if core.down != pods * core.bundle:
            raise ConfigError(f"a core with {core.down} ports down does not fit {pods} pods", field="Radix_Down")
        return leaves, pods * spines, cores

    def checked(self) -> FatTree:
        """Return it if its ports fit together and a simulation of it fits in memory, without building it.

        Raises:
            ConfigError: they do not, or it is too large.
        """
        counts = self.counts()
        links = 2 * counts[0] * self.tiers[0].up + (2 * counts[1] * self.tiers[1].up if len(counts) == 3 else 0)
        size = (2 * self.hosts + links) * _PORT_BYTES
        size += counts[0] * (sum(counts) * _CELL_BYTES + counts[0] * _PAIR_BYTES)
        if size > _MOST_BYTES:
            raise ConfigError(
                f"{self.hosts:,} hosts at {counts[0]:,} of {sum(counts):,} switches take some {size / 1e9:,.0f} GB, "
                f"more than the {_MOST_BYTES / 1e9:,.0f} GB that a packet simulation may",
                field="Nodes",
            )
        return self

    def _two(self, degraded: int, rate_x: float) -> PacketNetwork:
        leaf, spine = self.tiers
        leaves, spines = self.counts()
        a = np.repeat(np.arange(leaves), leaf.up)
        b = np.tile(np.repeat(np.arange(spines), spine.bundle), leaves)
        names = [f"leaf{i}" for i in range(leaves)] + [f"spine{i}" for i in range(spines)]
        up = np.full(len(a), leaf.switch_latency_s), np.full(len(a), spine.switch_latency_s)
        made = self._assembled([(a, b + leaves, spine, up[0], up[1])], names)
        slow = [2 * i + way for i in np.flatnonzero(b < degraded) for way in (0, 1)]
        return made.degraded(slow, rate_x) if slow else made

    def _three(self, degraded: int, rate_x: float) -> PacketNetwork:
        leaf, spine, core = self.tiers
        leaves, spines, cores = self.counts()
        pod_leaves, pod_spines = self.pod_hosts // leaf.down, leaf.up // spine.bundle
        each = spine.up // core.bundle
        a = np.repeat(np.arange(leaves), leaf.up)
        b = (a // pod_leaves) * pod_spines + np.tile(np.repeat(np.arange(pod_spines), spine.bundle), leaves)
        c = np.repeat(np.arange(spines), spine.up)
        up = np.tile(np.repeat(np.arange(each), core.bundle), spines)
        d = up * pod_spines + c % pod_spines
        names = [f"leaf{i}" for i in range(leaves)] + [f"spine{i}" for i in range(spines)]
        names += [f"core{i}" for i in range(cores)]
        first, second = np.ones(len(a)), np.ones(len(c))
        made = self._assembled(
            [
                (a, b + leaves, spine, first * leaf.switch_latency_s, first * spine.switch_latency_s),
                (
                    c + leaves,
                    d + leaves + spines,
                    core,
                    second * spine.switch_latency_s,
                    second * core.switch_latency_s,
                ),
            ],
            names,
        )
        slow = [2 * (len(a) + i) + 1 for i in np.flatnonzero(up + c * pod_spines < degraded)]
        return made.degraded(slow, rate_x) if slow else made

    def _assembled(
        self, parts: list[tuple[np.ndarray, np.ndarray, Tier, np.ndarray, np.ndarray]], names: list[str]
    ) -> PacketNetwork:
        """Hosts, and links both ways: (below, above, the tier above, latency of the switches below and above)."""
        leaf = self.tiers[0]
        src, dst, rate, latency = [], [], [], []
        for below, above, tier, latency_below, latency_above in parts:
            src.append(np.stack([below, above], axis=1).ravel())
            dst.append(np.stack([above, below], axis=1).ravel())
            rate.append(np.full(2 * len(below), tier.rate_Bps))
            latency.append(tier.latency_s + np.stack([latency_above, latency_below], axis=1).ravel())
        hosts = np.ones(self.hosts)
        return PacketNetwork(
            name="fat tree",
            host_switch=(np.arange(self.hosts) // leaf.down).astype(np.int32),
            link_src=np.concatenate(src).astype(np.int32),
            link_dst=np.concatenate(dst).astype(np.int32),
            rate_Bps=np.concatenate([leaf.rate_Bps * hosts, leaf.rate_Bps * hosts, *rate]),
            latency_s=np.concatenate(
                [(leaf.latency_s + leaf.switch_latency_s) * hosts, leaf.latency_s * hosts, *latency]
            ),
            switch_names=names,
        )


def _whole(count: int, size: int, what: str) -> int:
    """Divide without a rest."""
    if size <= 0 or count % size:
        raise ConfigError(f"{count} does not divide by {size} ({what})")
    return count // size


def regular(hosts: int, tiers: int, rate_Bps: float, latency_s: float = 1e-6, switch_latency_s: float = 0.0) -> FatTree:
    """Return the full-bisection network of one kind of switch: k²/2 hosts in two tiers, k³/4 in three.

    Raises:
        ConfigError: there is no such number of ports.
    """
    k = 2
    while (k * k // 2 if tiers == 2 else k**3 // 4) < hosts:
        k += 2
    if (k * k // 2 if tiers == 2 else k**3 // 4) != hosts:
        formula = "k²/2" if tiers == 2 else "k³/4"
        raise ConfigError(f"{hosts} hosts are not {formula} for an even k; a topology file can say more", field="Nodes")
    tier = Tier(rate_Bps, latency_s, k // 2, k // 2, switch_latency_s)
    top = Tier(rate_Bps, latency_s, k, 0, switch_latency_s)
    below = (tier,) if tiers == 2 else (tier, tier)
    return FatTree(hosts, hosts if tiers == 2 else k * k // 4, (*below, top))
