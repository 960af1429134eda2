"""The arithmetic of folded Clos networks of two and three tiers: how many of everything.

Let a leaf have D ports down and U = ⌈D / o⌉ up (o its oversubscription). With two tiers there are S = ⌈U / B⌉ spines,
where B links to every leaf fit a spine's radix, and each has b = ⌈U / S⌉ links to every leaf: the fewest spines, and
equal bundles, so that every path is as wide as the next. With three tiers the same holds inside each pod; a spine has
U' = ⌈its ports down / o'⌉ links up, and spine j of every pod joins core group j, sized and bundled alike.
Where two tiers would not reach all leaves, uplink ports may be split (``breakout``): twice the links at half the rate,
and twice the leaves below a spine.
At radix k, 1:1 and full this is the k-ary fat tree: k³/4 hosts and 5k²/4 switches (Al-Fares et al., SIGCOMM 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.errors import ConfigError, InfeasibleError
from weft.fabric.clos_options import ClosOptions, Hardware, pick


@dataclass(frozen=True, slots=True)
class ClosSize:
    """Every count of a folded Clos. ``planes`` are equal, separate networks; the other counts are of one plane.

    Attributes:
        planes: separate networks.
        leaves: leaf switches.
        leaf_up: links from a leaf up; 0 where it stands alone.
        pod_leaves: leaves in a full pod.
        pods: pods; 1 for two tiers.
        spines: spines in a pod.
        bundle: links between a leaf and each of its spines.
        spine_up: links from a spine up; 0 for two tiers.
        cores: core switches in each of the ``spines`` core groups.
        core_bundle: links between a spine and each of its cores.
        breakout: links that a port between leaf and spine is split into.
    """

    planes: int
    leaves: int
    leaf_up: int
    pod_leaves: int
    pods: int
    spines: int
    bundle: int
    spine_up: int
    cores: int
    core_bundle: int
    breakout: int = 1


def ports_down(radix: int, oversubscription: float, unit: float = 1.0) -> int:
    """Return the most ports a switch can give downwards if ⌈down / (o · unit)⌉ ports of ``unit`` rates go up."""
    down = math.floor(radix * oversubscription / (1 + oversubscription) + 1e-9)
    while down > 1 and down + ports_up(down, oversubscription, unit) * unit > radix + 1e-9:
        down -= 1
    return down


def ports_up(down: int, oversubscription: float, unit: float = 1.0) -> int:
    """Return how many links up keep the oversubscription at or below what was asked."""
    return max(1, math.ceil(down / (oversubscription * unit) - 1e-9))


def size_clos(
    leaves: int,
    leaf_ports: int,
    options: ClosOptions,
    hardware: Hardware,
    *,
    planes: int = 1,
    pod_leaves: int | None = None,
    three_tiers: bool = False,
) -> ClosSize:
    """Work out all counts above ``leaves`` leaf switches of ``leaf_ports`` used ports.

    Args:
        leaves: leaf switches of one plane.
        leaf_ports: host ports of a full leaf.
        options: oversubscription and bundles.
        hardware: radices and rates.
        planes: equal, separate networks.
        pod_leaves: leaves per pod; default: as many as a spine has ports down.
        three_tiers: allow a third tier.

    Raises:
        ConfigError: it does not fit the radix or the bundles that were asked for.
        InfeasibleError: it does not fit the switches.
    """
    unit = hardware.uplink_Bps / hardware.rate_Bps
    leaf_o, spine_o = (pick(options.oversubscription, tier, 1.0) for tier in ("leaf", "spine"))
    radix = hardware.radix
    if leaves == 1:
        check_ports(options, leaf_ports, radix["leaf"], "leaf", "its host ports")
        return ClosSize(planes, 1, 0, 1, 1, 0, 0, 0, 0, 0)
    up = ports_up(leaf_ports, leaf_o, unit)
    check_ports(options, leaf_ports + up * unit, radix["leaf"], "leaf", f"{leaf_ports} host ports and {up} uplinks")
    room = int((radix["leaf"] - leaf_ports) / unit + 1e-9)
    asked, asked_core = (pick(options.bundle, tier, 0) for tier in ("spine", "core"))
    if not three_tiers or (pod_leaves or 0) >= leaves:
        what = f"links to {leaves} leaves; use fat_tree (three tiers), or tiers: 3" if not three_tiers else "its leaves"
        split = hardware.breakout(leaves)
        check_ports(options, leaves, hardware.split[split], "spine", what)
        spines, bundle = spread(up * split, leaves, hardware.split[split], room * split, asked, "spine")
        return ClosSize(planes, leaves, spines * bundle, leaves, 1, spines, bundle, 0, 0, 0, split)
    down = ports_down(radix["spine"], spine_o)
    pod_leaves = pod_leaves or down
    check_ports(options, pod_leaves, down, "spine", f"links to {pod_leaves} leaves below (and as many as asked above)")
    spines, bundle = spread(up, pod_leaves, down, room, asked, "spine")
    spine_up = ports_up(pod_leaves * bundle, spine_o)
    pods = math.ceil(leaves / pod_leaves)
    check_ports(options, pods, radix["core"], "core", f"links to {pods} pods")
    room = radix["spine"] - pod_leaves * bundle
    cores, core_bundle = spread(spine_up, pods, radix["core"], room, asked_core, "core")
    return ClosSize(
        planes, leaves, spines * bundle, pod_leaves, pods, spines, bundle, cores * core_bundle, cores, core_bundle
    )


def check_ports(options: ClosOptions, needed: float, ports: int, tier: str, why: str) -> None:
    """Refuse a switch with too few ports: the file is wrong if it says how many, the cluster too large if not."""
    if needed <= ports + 1e-9:
        return
    message = f"a {tier} switch needs {math.ceil(needed)} ports for {why}, it has {ports}"
    if options.radix is not None:
        raise ConfigError(message, field="scale_out.radix")
    raise InfeasibleError(f"scale_out.switch: {message}")


def spread(up: int, below: int, ports: int, room: int, asked: int, tier: str) -> tuple[int, int]:
    """Return ``(switches, bundle)`` above a switch with ``up`` links: the fewest switches, equal bundles to each.

    Args:
        up: links wanted; equal bundles may take a few more.
        below: switches that each upper switch must reach.
        ports: the upper switch's ports for them.
        room: the lower switch's free ports.
        asked: bundle the user asked for; 0 to choose.
        tier: of the upper switches, for errors.
    """
    widest = ports // below
    if asked:
        switches = math.ceil(up / asked)
        if asked > widest or switches * asked > room:
            raise ConfigError(
                f"{asked} links to each {tier} do not fit; at most {min(widest, room)} do", field="scale_out.bundle"
            )
        return switches, asked
    for switches in range(math.ceil(up / widest), up):
        bundle = math.ceil(up / switches)
        if switches * bundle <= room:
            return switches, bundle
    return up, 1
