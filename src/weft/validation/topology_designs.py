"""Published designs as clusters: what a row's words mean, built and counted."""

from __future__ import annotations

import re
from typing import Any

from weft.economics import bill_of_materials
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.topologies.slim_fly import LARGEST_Q, degree_of, is_valid
from weft.validation.rows import Row
from weft.validation.topology_fabric import (
    Answer,
    bare_node,
    build,
    constants,
    counts,
    network_cost_usd,
    switch_of,
    whole_number,
)

_DGX = re.compile(r"DGX[ -]?([A-Z]+\d+)", re.IGNORECASE)
_SU = re.compile(r"(\d+)\s*SU\b", re.IGNORECASE)
#: Nodes of a scalable unit in NVIDIA's reference architectures.
_UNIT_NODES = {"dgx_a100": 20, "dgx_b300": 64}
_USUAL_UNIT_NODES = 32
#: One node of the first units is left out, and its leaf ports serve the fabric manager's four.
_ONE_SHORT = ("dgx_h100", "dgx_h200")
_UFM_PORTS = 4
#: Comparison tables put hosts in the rack of their leaf.
_LENGTHS = {"leaf": "3m", "spine": "30m"}


def superpod(row: Row) -> Answer | None:
    """DGX SuperPOD: rails of scalable units; Spectrum-X units split spine ports where two tiers need it."""
    text = str(row.get("system") or "")
    named = _DGX.search(text)
    found = _SU.search(text)
    units = whole_number(row, "su", int(found[1]) if found else 0)
    if named is None or (not units and "superpod" not in text.lower()):
        return None
    system = f"dgx_{named[1].lower()}"
    unit_nodes = whole_number(row, "nodes_per_su", _UNIT_NODES.get(system, _USUAL_UNIT_NODES))
    nodes = whole_number(row, "nodes", whole_number(row["measured"], "servers", 0))
    nodes = nodes or max(1, units) * unit_nodes - (system in _ONE_SHORT)
    scale_out: dict[str, Any] = {"topology": "rail_optimised", "unit_nodes": unit_nodes}
    if system == "dgx_a100":
        scale_out["rate"] = "200Gb/s"
    if system == "dgx_b300":
        scale_out |= {"protocol": "roce", "switch": "nv_sn5600", "breakout": 4}
    node: dict[str, Any] = {"system": system}
    if "nics_per_node" in row:
        node["nics"] = whole_number(row, "nics_per_node", 8)
    if named_switch := re.search(r"\b(QM\d{4}|Q\d{4}|SN\d{4})", str(row.get("switch") or ""), re.IGNORECASE):
        scale_out["switch"] = f"nv_{named_switch[1].lower()}"
    fabric = build(nodes, node, scale_out)
    found_counts = counts(fabric)
    return Answer(
        {
            **found_counts,
            "cables_compute_and_ufm": lambda: found_counts["cables_node_leaf"]() + _UFM_PORTS,
            "su_unidir_TBps": lambda: fabric.endpoints * fabric.network.rate_Bps / 1e12,
        },
        otherwise="management gear and racks are no part of the compute fabric",
    )


def radix_table(row: Row) -> Answer | None:
    """Networks that are as large as switches of one radix allow, as comparison tables have them."""
    name = str(row.get("topology") or "").upper()
    make = {"FT2": _two_tiers, "FT3": _three_tiers, "MPFT": _multi_plane, "SF": _slim_fly, "DF": _dragonfly}.get(name)
    if make is None:
        return None
    radix = whole_number(row, "switch_radix", 64, least=4, most=100_000)
    rate = float(whole_number(row, "port_Gbps", 400))
    answer = make(row, radix, rate)
    values = {**answer.values}
    for wanted, known in (("max_gpus_two_layer", "endpoints"), ("max_gpus_three_layer", "endpoints")):
        values[wanted] = values[known]
    return Answer(values, answer.reasons, "not a count of the largest such network", answer.note)


def hardware(radix: int, rate: float) -> dict[str, Any]:
    """Return the options that name a switch of so many ports of a rate (Gb/s): InfiniBand up to NDR's 64 ports."""
    family = "infiniband" if radix <= 64 and rate <= 400 else ""
    part = switch_of(radix, rate, family)
    protocol = "infiniband" if part.text("protocol") == "infiniband" else "roce"
    return {"protocol": protocol, "switch": part.id, "radix": radix, "rate": f"{rate:g}Gb/s"}


def _two_tiers(row: Row, radix: int, rate: float) -> Answer:
    scale_out = {"topology": "leaf_spine", **hardware(radix, rate)}
    return Answer(counts(build(radix // 2 * radix, bare_node(1, rate), scale_out)))


def _three_tiers(row: Row, radix: int, rate: float) -> Answer:
    scale_out = {"topology": "fat_tree", **hardware(radix, rate)}
    return Answer(counts(build((radix // 2) ** 2 * radix, bare_node(1, rate), scale_out)))


def _multi_plane(row: Row, radix: int, rate: float) -> Answer:
    words = f"{row.get('params_inferred') or ''} {row.get('note') or ''}"
    found = re.search(r"(\d+) planes", words)
    planes = whole_number(row, "planes", int(found[1]) if found else 8, most=1024)
    scale_out = {"topology": "multi_plane", "planes": planes, "length": _LENGTHS, **hardware(radix, rate)}
    fabric = build(radix // 2 * radix, bare_node(planes, rate), scale_out)
    return Answer({**counts(fabric), "planes": lambda: float(len(fabric.network.tiers[-1].uplink_Bps))})


def parameters(row: Row) -> dict[str, int]:
    """Return the letters that a row's words give values to, such as ``a=32, h=16`` or ``511 groups``."""
    words = " ".join(str(row.get(key) or "") for key in ("params", "params_inferred", "note", "topology"))
    found = {name: int(value) for name, value in re.findall(r"\b([aghpq])\s*=\s*(\d+)", words)}
    groups = re.search(r"(\d+) groups", words)
    return {"g": int(groups[1]), **found} if groups else found


def checked_q(q: int) -> int:
    """Return a Slim Fly's q; raises ConfigError where it is of no form that has one."""
    if q % 4 == 2 or not 3 <= q <= LARGEST_Q:
        raise ConfigError(f"q = {q}: a Slim Fly has q = 4w - 1, 4w or 4w + 1, here up to {LARGEST_Q:,}")
    return q


def _slim_fly(row: Row, radix: int, rate: float) -> Answer:
    """The largest q whose k' links and ⌈k' / 2⌉ host ports fit the radix; counted, where no such graph exists."""
    fitting = [q for q in range(3, radix + 1) if q % 4 != 2 and degree_of(q) + -(-degree_of(q) // 2) <= radix]
    q = checked_q(parameters(row).get("q") or max(fitting))
    degree = degree_of(q)
    p, routers = -(-degree // 2), 2 * q * q
    if is_valid(q):
        scale_out = {"topology": "slim_fly", "q": q, "p": p, **hardware(radix, rate)}
        return Answer(counts(build(routers * p, bare_node(1, rate), scale_out)), note=f"q = {q}")
    near = max(n for n in range(3, q) if is_valid(n))
    scale_out = {"topology": "slim_fly", "q": near, "p": p, **hardware(radix, rate)}
    links, endpoints = routers * degree // 2, routers * p
    cost = _priced_like(build(2 * near * near * p, bare_node(1, rate), scale_out), routers, links, endpoints)
    plain = {
        "endpoints": endpoints,
        "switches": routers,
        "links_switch_to_switch": links,
        "cost_MUSD": cost / 1e6,
        "cost_per_endpoint_kUSD": cost / endpoints / 1e3,
    }
    return Answer(
        constants(plain),
        note=f"by its formulas: q = {q} is no prime power, so there is no such graph; priced as {near}",
    )


def _priced_like(fabric: Fabric, switches: int, links: int, endpoints: int) -> float:
    """Return what a network of these counts costs if its switches and cables are those of ``fabric``, USD."""
    bill = bill_of_materials(fabric)
    hosts = sum(line.cost.typical for line in bill.lines if line.use.startswith("nic-"))
    between = network_cost_usd(fabric, bill) - hosts - bill.cost_of("switch").typical
    return (
        bill.cost_of("switch").typical / fabric.switches * switches
        + between / fabric.cables(between_switches=True) * links
        + hosts / fabric.endpoints * endpoints
    )


def _dragonfly(row: Row, radix: int, rate: float) -> Answer:
    """A balanced Dragonfly, a = 2p = 2h, of as many groups as the row's endpoints fill, every global port in use."""
    given = parameters(row)
    h = given.get("h") or (radix + 1) // 4
    p, a = given.get("p") or h, given.get("a") or 2 * h
    asked = whole_number(row["measured"], "endpoints", 0)
    most = a * h + 1
    g = given.get("g") or (min(most, -(-asked // (a * p))) if asked else most)
    scale_out = {"topology": "dragonfly", "a": a, "h": h, "p": p, "g": g, **hardware(radix, rate)}
    fabric = build(a * p * g, bare_node(1, rate), scale_out)
    values = counts(fabric)
    local, far = g * a * (a - 1) // 2, g * a * h // 2
    values["links_switch_to_switch"] = lambda: float(local + far)
    idle = far - (fabric.cables(between_switches=True) - local)
    note = f"p = {p}, a = {a}, h = {h}, g = {g}"
    return Answer(values, note=note + (f"; with {idle} cables more than a simple graph of groups" if idle else ""))
