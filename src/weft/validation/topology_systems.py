"""Published systems and clusters as clusters of ours: scale-up domains, SuperPOD nodes, Meta, Alibaba, TPU v4."""

from __future__ import annotations

import math
import re

from weft.validation.rows import Row
from weft.validation.topology_fabric import Answer, bare_node, build, constants, counts, whole_number

_DGX = re.compile(r"DGX[ -]?([A-Z]+\d+)", re.IGNORECASE)
#: One-way rate of an NVLink: 25 GB/s up to NVLink 4, 50 GB/s since.
_NVLINK_BPS = {"nvlink5": 50e9, "nvlink6": 50e9}
_OLD_NVLINK_BPS = 25e9


def scale_up_system(row: Row) -> Answer | None:
    """NVL72 and single DGX nodes: their scale-up domain."""
    text = f"{row.get('system') or ''} {row.get('topology') or ''} {row.get('slug') or ''}".lower()
    named = _DGX.search(text)
    if "nvl72" in text:
        generation = re.search(r"(gb200|gb300|vr)", text)
        system = f"{generation[1] if generation else 'gb200'}_nvl72_rack"
    elif named is not None and any(key.startswith(("nvswitch", "nvlink", "total_nvlink")) for key in row["measured"]):
        system = f"dgx_{named[1]}"
    else:
        return None
    fabric = build(1, {"system": system})
    values = counts(fabric)
    pairs = sum(c.cables for c in fabric.link_classes if c.domain == 0)
    part = fabric.plan.system
    each = fabric.plan.scale_up.rate_Bps / _NVLINK_BPS.get(fabric.plan.scale_up.protocol, _OLD_NVLINK_BPS)
    values |= constants({"nvlinks_per_gpu": round(each), "nvlink_pairs_total": round(each) * fabric.accelerators})
    values |= constants({"total_nvlinks_used": round(each) * fabric.accelerators, "scale_up_cables": pairs})
    for name in ("compute_trays", "switch_trays"):
        if part is not None and part.has(name):
            values |= constants({name: part.si(name)})
    return Answer(values)


def hosts_of_a_run(row: Row) -> Answer | None:
    """Clusters known by their nodes' NICs only."""
    named = _DGX.search(str(row.get("system") or ""))
    eos = "eos" in str(row.get("system") or "").lower()
    if not (named or eos) or not {"nics_per_node", "nic_Gbps"} & row["measured"].keys():
        return None
    system = "dgx_h100" if eos else f"dgx_{str(named and named[1]).lower()}"
    return Answer(counts(build(whole_number(row, "nodes", 2), {"system": system}, {"topology": "rail_optimised"})))


def llama3_cluster(row: Row) -> Answer | None:
    """Meta's 24K-GPU RoCE cluster: racks under one switch, pods without oversubscription, pods oversubscribed above."""
    given = row["measured"]
    needed = ("gpus_per_rack", "racks_per_pod", "pods", "agg_oversubscription")
    if not all(name in given for name in needed):
        return None
    leaf_nodes = whole_number(given, "gpus_per_rack", 16, least=8) // 8
    pod_nodes = leaf_nodes * whole_number(given, "racks_per_pod", 1)
    scale_out = {
        "topology": "fat_tree",
        "leaf_nodes": leaf_nodes,
        "pod_nodes": pod_nodes,
        "switch": {"leaf": "bcm_tomahawk4", "spine": "bcm_tomahawk6", "core": "bcm_tomahawk6"},
        "rate": "400Gb/s",
        "oversubscription": {"spine": whole_number(given, "agg_oversubscription", 1)},
    }
    fabric = build(pod_nodes * whole_number(given, "pods", 1), {"system": "grand_teton_h100"}, scale_out)
    _, _, pod, _ = fabric.locality.levels()
    values = constants({"gpus_per_pod": pod.accelerators, "gpus_total": fabric.accelerators})
    return Answer(values, dict.fromkeys(needed, "given: the fabric is built from it"))


def hpn_pod(row: Row) -> Answer | None:
    """Alibaba's HPN: dual ToR, dual plane, rails; a 51.2 Tb/s switch with 200 Gb/s ports down and 400 Gb/s up."""
    if not str(row.get("topology") or "").upper().startswith("HPN"):
        return None
    words = str(row.get("note") or "")
    ratio = re.search(r"([1-9]\d*)x([1-9]\d*)G down \+ ([1-9]\d*)x([1-9]\d*)G up", words)
    down, down_G, up, up_G = (float(n) for n in ratio.groups()) if ratio else (128, 200, 64, 400)
    core = whole_number(row["measured"], "core_oversubscription", 15)
    scale_out = {
        "topology": "dual_tor",
        "switch": "alibaba_51t_hpn",
        "unit_nodes": int(down),
        "uplink_rate": f"{up_G:g}Gb/s",
        "oversubscription": {"leaf": max(1.0, down * down_G / (up * up_G)), "spine": core},
        "tiers": 3,
    }
    system = {"system": "dgx_h100", "nics": whole_number(row, "nics_per_host", 8)}
    fabric = build(2 * 15 * 128, system, scale_out)
    _, segment, pod, _ = fabric.locality.levels()
    values = {
        "gpus_per_segment": segment.accelerators,
        "segments_per_pod": pod.accelerators // segment.accelerators,
        "gpus_per_pod_approx": pod.accelerators,
        "gpus_per_pod": pod.accelerators,
        "tiers": len(fabric.network.tiers) - 1,
        "path_selection_complexity": fabric.by_kind["spine"] // 2 // (fabric.accelerators // pod.accelerators),
    }
    given = {"core_oversubscription": "given: the fabric is built from it"}
    return Answer(constants(values), given, note="two pods under cores; the leaf's and the cores' ratios as published")


def tpu_pod(row: Row) -> Answer | None:
    """TPU v4: a 3-D torus of cubes joined by optical circuit switches."""
    if "ocs_count" not in row["measured"] or "chips" not in row["measured"]:
        return None
    fabric = build(1, {"system": "tpu_v4_pod"})
    cabling = fabric.plan.scale_up.cabling
    values = {**counts(fabric)}
    if cabling is not None and cabling.ocs is not None:
        cubes = fabric.accelerators // math.prod(cabling.cube)
        values |= constants({"ocs_count": cabling.ocs_count, "racks": cubes})
    return Answer(values, otherwise="an upper bound on a share of a system whose price is not published")


def fire_flyer(row: Row) -> Answer | None:
    """Fire-Flyer: two zones, each a full two-tier fat tree of 40-port switches."""
    words = str(row.get("topology") or "")
    found = re.search(r"two-zone two-layer fat tree, (\d+)-port (\d+)G", words)
    if found is None:
        return None
    radix, rate = int(found[1]), float(found[2])
    scale_out = {"topology": "leaf_spine", "protocol": "infiniband", "radix": radix, "rate": f"{rate:g}Gb/s"}
    zone = build(radix * radix // 2, bare_node(1, rate), scale_out)
    values = constants({"switches": 2 * zone.switches})
    return Answer(values, note="without the switches that join the zones, whose number is not stated")
