"""Tiers of several sites as those of one network, with a tier ``site`` above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weft.fabric.circuits import mesh_cut_Bps
from weft.fabric.scale_out import ScaleOut, Tier, sides_Bps
from weft.fabric.tables import FloatArray, IntArray, LinkClass

Trunks = Sequence[tuple[int, int, int, LinkClass]]


def join_tiers(networks: Sequence[ScaleOut], trunks: Trunks) -> ScaleOut:
    """Return the network of several sites, in node order.

    A site of fewer tiers than another repeats its last, so that its units count as units of the higher tiers as well.
    Latency between sites is that of the two farthest apart; bisection the thinnest cut, each site on either side or cut
    inside.

    Args:
        networks: of each site; the same number of planes at each.
        trunks: for each pair of sites that is joined: the sites, how many links, and what the links share.
    """
    deepest = max(networks, key=lambda network: len(network.tiers))
    levels = [_padded(network.tiers, len(deepest.tiers)) for network in networks]
    merged = [_merged([tiers[depth] for tiers in levels], tier) for depth, tier in enumerate(deepest.tiers)]
    if len(networks) == 1:
        return deepest
    site_of = np.repeat(np.arange(len(networks)), [len(network.tiers[0].unit) for network in networks])
    planes = len(networks[0].tiers[-1].uplink_Bps)
    trunk_Bps = np.zeros((len(networks), len(networks)))
    for a, b, links, link in trunks:
        trunk_Bps[a, b] += links * link.rate_Bps
        trunk_Bps[b, a] += links * link.rate_Bps
    out_Bps = np.repeat(trunk_Bps.sum(axis=1) / planes, planes)
    merged[-1] = replace(merged[-1], uplink_Bps=out_Bps)
    plane = np.concatenate([network.tiers[-1].unit for network in networks])
    anywhere = np.zeros(len(plane), np.int32)
    top_s = merged[-1].latency_s + _farthest_s(len(networks), trunks)
    top = Tier("site", plane, np.zeros(planes), top_s, anywhere if planes > 1 else None)
    circuits = [network.circuits for network in networks if network.circuits is not None]
    return replace(
        deepest,
        tiers=(*merged, top),
        bisection_Bps=mesh_cut_Bps(_site_costs(networks, site_of), trunk_Bps),
        coordinates=None,
        circuits=np.concatenate(circuits) if circuits else None,
    )


def _padded(tiers: tuple[Tier, ...], depth: int) -> list[Tier]:
    same = replace(tiers[-1], uplink_Bps=np.full(len(tiers[-1].uplink_Bps), np.inf))
    return [*tiers[:-1], *[same] * (depth - len(tiers)), tiers[-1]]


def _merged(tiers: Sequence[Tier], like: Tier) -> Tier:
    """Return one tier with the units of all sites, counted on."""
    rails = None
    if any(tier.rail_unit is not None for tier in tiers):
        rails = _counted_on([tier.unit if tier.rail_unit is None else tier.rail_unit for tier in tiers])
    return Tier(
        like.name,
        _counted_on([tier.unit for tier in tiers], [len(tier.uplink_Bps) for tier in tiers]).astype(np.int32),
        np.concatenate([tier.uplink_Bps for tier in tiers]),
        like.latency_s,
        None if rails is None else rails.astype(np.int32),
    )


def _counted_on(units: Sequence[IntArray], counts: Sequence[int] | None = None) -> IntArray:
    counts = counts or [int(unit.max(initial=-1)) + 1 for unit in units]
    first = np.cumsum([0, *counts[:-1]])
    return np.concatenate([unit + begin for unit, begin in zip(units, first, strict=True)])


def _farthest_s(sites: int, trunks: Trunks) -> float:
    """Return the latency from the topmost switches of one site to those of the farthest other."""
    far = np.full((sites, sites), np.inf)
    np.fill_diagonal(far, 0.0)
    for a, b, _, link in trunks:
        far[a, b] = min(far[a, b], link.latency_up_s)
        far[b, a] = min(far[b, a], link.latency_down_s)
    for middle in range(sites):
        far = np.minimum(far, far[:, middle, None] + far[None, middle, :])
    return float(far.max())


def _site_costs(networks: Sequence[ScaleOut], site_of: IntArray) -> FloatArray:
    """Return what must be cut inside each site if its topmost switches stand on one side or the other."""
    second = (np.arange(len(site_of)) >= (len(site_of) + 1) // 2).astype(np.float64)
    costs = []
    for site, network in enumerate(networks):
        sides = sides_Bps(network.tiers, network.rate_Bps, second[site_of == site]).sum(axis=1)
        costs.append(sides if network.bisection_Bps is None else np.minimum(sides, _or_inside(network, sides)))
    return np.array(costs).T


def _or_inside(network: ScaleOut, sides: FloatArray) -> FloatArray:
    """Return what halving a site costs where it is cut inside anyway; one that is whole cannot be cut so."""
    return np.full(2, network.bisection_Bps) if (sides > 0).all() else sides
