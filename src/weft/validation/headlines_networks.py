"""Headlines about networks: what one costs, draws and loses against another, built and billed from the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from weft.catalog import load_catalog
from weft.collectives import IDEAL, estimate
from weft.economics import bill_of_materials
from weft.fabric import Fabric
from weft.validation import topology_prices as prices
from weft.validation.topology_designs import hardware
from weft.validation.topology_fabric import Answer, bare_node, build, constants, counts, network_cost_usd

_INPUT = "an input, not a prediction: the catalog has it from the same publication"
_MICROLED, _COPPER = "microled_mosaic_800g_paper", "dac_800g_osfp_100g_pam4"
_RETIMED, _RETIMED_400G = "optic_800g_dr8_dsp", "optic_400g_dr4_dsp"
_HOUR_S = 3600.0
#: Sides of the boards of the meshes that save least and most.
_BOARDS = (("low", 2), ("high", 4))
#: Size of an all-to-all whose latency is negligible.
_LARGE_BYTES = 64 * 2.0**30
#: The generations of the rail-only paper's time: accelerator, NIC rate in Gb/s an accelerator.
_RAIL_ONLY_GENERATIONS = (("a100_sxm_80", 200.0), ("h100_sxm", 400.0))


def microled_reach() -> Answer:
    """MOSAIC: how much further than passive copper at the same rate, over the distance that was measured."""
    media = load_catalog()
    reach_x = media.get("media", _MICROLED).si_range("reach_m").low / media.get("media", _COPPER).si("reach_m")
    note = "20 m as measured, over the catalog's reach of passive copper at 800 Gb/s"
    return Answer(constants({"reach_vs_copper_x": reach_x}), otherwise=_INPUT, note=note)


def optics_failures() -> Answer:
    """Hours between failures of optical modules in a three-tier network of 100,000 GPUs."""
    network = {"topology": "fat_tree", "protocol": "roce", "medium": _RETIMED_400G}
    fabric = build(12_500, {"system": "dgx_h100"}, network)
    lines = [line for line in bill_of_materials(fabric).lines if line.kind in ("cable", "module")]
    rate = sum(line.count * fabric.catalog.get("media", line.part).si("fit") for line in lines)
    note = "retimed 400G modules at the catalog's typical FIT; measured: the middle of the range"
    return Answer(constants({"hours_between_optical_link_failures": 1 / rate / _HOUR_S}), note=note)


def failure_hours(measured: Mapping[str, Any]) -> dict[str, object]:
    """The middle of a published range: one kind of module has one failure rate."""
    low, high = measured["hours_between_optical_link_failures_low"], measured["hours_high"]
    return {"hours_between_optical_link_failures": (low + high) / 2}


def optics_of_a_rack() -> Answer:
    """What an NVL72's links would draw over retimed optics, both ends."""
    scale_up = {"medium": _RETIMED, "length": "10m"}
    fabric = build(1, {"system": "gb200_nvl72_rack", "accelerators": 72, "nics": 0, "scale_up": scale_up})
    watts = bill_of_materials(fabric).power_of("module", "cable").typical
    return Answer(constants({"optics_power_kW_per_NVL72": watts / 1e3}), note="every NVLink over 800G retimed modules")


def rail_only() -> Answer:
    """Rail-only against a full Clos: cost, power, and the time of an all-to-all that has to forward inside a domain."""
    saved, slower = prices.rail_only_savings(), rail_only_all_to_all()
    values = {
        "cost_reduction_pct_low": saved["cost_min"],
        "cost_reduction_pct_high": saved["cost_max"],
        "power_reduction_pct_low": saved["power_min"],
        "power_reduction_pct_high": saved["power_max"],
        "moe_alltoall_overhead_pct_low": min(slower),
        "moe_alltoall_overhead_pct_high": max(slower),
    }
    note = "domains of 256; radix 64 to 256; all-to-all on A100 with 200G and H100 with 400G a GPU, no overheads"
    return Answer(constants(values), note=note)


@lru_cache(maxsize=1)
def rail_only_all_to_all() -> tuple[float, ...]:
    """By how much an all-to-all is slower where it changes rails inside the domain first, per cent, by generation."""
    found = []
    for accelerator, rate in _RAIL_ONLY_GENERATIONS:
        node = {**bare_node(prices.RAIL_ONLY_DOMAIN, rate), "accelerator": accelerator}
        nodes = prices.RAIL_ONLY_GPUS[0] // prices.RAIL_ONLY_DOMAIN
        network = {"topology": "fat_tree", "protocol": "roce", "radix": 64, "rate": f"{rate:g}Gb/s"}
        group = build(nodes, node, network).group(range(prices.RAIL_ONLY_GPUS[0]))
        flat, forwarding = (
            estimate("all_to_all", _LARGE_BYTES, group, library=IDEAL, algorithm=name).time_s
            for name in ("direct", "two_level")
        )
        found.append(100 * (forwarding / flat - 1))
    return tuple(found)


def tpu_v4() -> Answer:
    """The pod's chips; its costs and speeds are not published."""
    fabric = build(1, {"system": "tpu_v4_pod"})
    otherwise = "a share of, or a gain over, a system whose price and job are not published"
    return Answer({"chips": counts(fabric)["chips"]}, otherwise=otherwise)


def dragonfly() -> Answer:
    """A balanced Dragonfly of 64-port routers against a three-tier folded Clos, beyond 16,000 nodes."""
    ours = _network("dragonfly", 33 * 32 * 16, a=32, h=16, p=16, g=33)
    clos = _network("fat_tree", 16_384)
    saved = 100 * (1 - _usd_per_endpoint(ours) / _usd_per_endpoint(clos))
    reasons = {
        "cost_reduction_vs_flattened_butterfly_pct": "the dimensions of the flattened butterfly are not stated",
        "nodes_gt": "given: the network is built for it",
    }
    return Answer(
        constants({"vs_folded_clos_pct": saved}),
        reasons,
        note="today's 64 x 400G switches, copper in racks, else optics",
    )


def slim_fly() -> Answer:
    """The paper's pair of about 10,800 endpoints and routers of 43 ports: what an endpoint costs in each."""
    slim = _network("slim_fly", 2 * 19 * 19 * 15, q=19, p=15)
    fly = _network("dragonfly", 45 * 22 * 11, a=22, h=11, p=11, g=45)
    better = 100 * (1 - _usd_per_endpoint(slim) / _usd_per_endpoint(fly))
    note = "cost only, at today's prices of 64-port switches for both"
    return Answer(constants({"cost_and_power_effectiveness_vs_dragonfly_pct": better}), note=note)


def hamming_mesh() -> Answer:
    """The large cluster: cost of a fat tree over that of meshes of 2 x 2 and 4 x 4 boards, as fast at all-reduce."""
    accelerators = 16_384
    plane = build(accelerators, bare_node(1, 400), {"topology": "fat_tree", **hardware(prices.HX_RADIX, 400)})
    tree = prices.hx_switched_usd(plane)
    saving = {
        f"allreduce_cost_saving_x_vs_fat_tree_{end}": tree / prices.hx_lines_usd(accelerators, side)
        for end, side in _BOARDS
    }
    return Answer(constants(saving), note="at the paper's prices; rings that use all of a network's bandwidth on both")


def _network(topology: str, endpoints: int, **parameters: int) -> Fabric:
    return build(endpoints, bare_node(1, 400), {"topology": topology, **parameters, **hardware(64, 400)})


def _usd_per_endpoint(fabric: Fabric) -> float:
    return network_cost_usd(fabric) / fabric.endpoints
