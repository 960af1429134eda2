"""Comparisons that papers make, repeated by their method: what kinds of network cost, and what one saves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from weft.fabric.topologies.slim_fly import degree_of
from weft.validation import topology_prices as prices
from weft.validation.rows import Row
from weft.validation.topology_designs import checked_q, hardware
from weft.validation.topology_fabric import Answer, alltoall_pct, bare_node, build, constants, counts, whole_number

_TAPER = re.compile(r"(\d+)\s*%\s*tapered", re.IGNORECASE)
_HX_SIZES = {"small": 1024, "large": 16_384}
#: The Slim Fly paper compares networks of about as many endpoints.
_SF_ENDPOINTS = 10_000


def hammingmesh(row: Row) -> Answer | None:
    """The networks that the HammingMesh paper compares, at its prices."""
    size = next((n for word, n in _HX_SIZES.items() if word in str(row.get("cluster") or "")), None)
    name = str(row.get("topology") or "")
    if size is None or "cost_MUSD" not in row["measured"]:
        return None
    reason = "simulated packet by packet, with the paper's routing"
    if "fat tree" in name:
        taper = _TAPER.search(name)
        kept = 1 - min(99, int(taper[1])) / 100 if taper else 1.0
        topology = "leaf_spine" if size <= prices.HX_RADIX**2 // 2 else "fat_tree"
        scale_out = {"topology": topology, **hardware(prices.HX_RADIX, 400), "oversubscription": {"leaf": 1 / kept}}
        plane = build(size, bare_node(1, 400), scale_out)
        values: dict[str, Callable[[], float]] = {
            "cost_MUSD": lambda: prices.hx_switched_usd(plane) / 1e6,
            "alltoall_pct_of_injection": lambda: alltoall_pct(plane),
        }
        return Answer(values, otherwise=reason)
    board = re.fullmatch(r"Hx(\d+)Mesh", name)
    if board or name == "2D HyperX":
        side = int(board[1]) if board else 1
        return Answer({"cost_MUSD": lambda: prices.hx_lines_usd(size, side) / 1e6}, otherwise=reason)
    if name == "2D torus":
        return Answer({"cost_MUSD": lambda: prices.hx_torus_usd(size) / 1e6}, otherwise=reason)
    return Answer(reasons={"cost_MUSD": "the paper does not state the Dragonfly's parameters"}, otherwise=reason)


def slim_fly_table(row: Row) -> Answer | None:
    """The Slim Fly paper's networks of about 10,000 endpoints: tori of the size given, the others by their rule."""
    name, given = str(row.get("topology") or "").lower(), row["measured"]
    if not {"routers", "radix"} <= given.keys():
        return None
    otherwise = "the paper's own price and power of a router port"
    if name == "fat tree 3":
        k = math.ceil((4 * _SF_ENDPOINTS) ** (1 / 3) - 1e-9)
        plain = {"endpoints": k**3 // 4, "routers": 5 * k**2 // 4, "radix": k}
        return Answer(constants(plain), otherwise=otherwise, note=f"by its formulas, k = {k}: as large as asked")
    if found := re.search(r"q\s*=\s*(\d+)", name):
        q = checked_q(int(found[1]))
        p = -(-degree_of(q) // 2)
        fabric = build(2 * q * q * p, bare_node(1, 400), {"topology": "slim_fly", "q": q, "p": p})
        return Answer(counts(fabric), otherwise=otherwise, note=f"p = {p}")
    dimensions = re.match(r"(\d+)d torus", name)
    if (dimensions or name == "hypercube") and "endpoints" in given:
        nodes = whole_number(given, "endpoints", 1)
        dims = even_factors(nodes, int(dimensions[1])) if dimensions else [2] * (nodes.bit_length() - 1)
        fabric = build(nodes, bare_node(1, 400), {"topology": "torus", "dims": dims})
        reasons = {"endpoints": "given: the network is built for it"}
        values = {key: value for key, value in counts(fabric).items() if key not in reasons}
        return Answer(values, reasons, otherwise, " x ".join(map(str, dims)))
    return Answer(otherwise=f"the parameters of this {row.get('topology')} are not stated")


def even_factors(number: int, count: int) -> list[int]:
    """Return ``count`` factors of a number, each as near to equal as divisors allow, ascending."""
    factors = []
    for left in range(count, 0, -1):
        ideal = number ** (1 / left)
        divisors = [n for n in range(1, number + 1) if number % n == 0] if left > 1 else [number]
        factors.append(min(divisors, key=lambda n: (abs(n - ideal), n)))
        number //= factors[-1]
    return sorted(factors)


def optical_spine(row: Row) -> Answer | None:
    """Jupiter: savings of a whole architecture, over generations of blocks and speeds."""
    if "capex_reduction_pct" not in row["measured"]:
        return None
    return Answer(
        otherwise="of a whole architecture over generations of blocks; for the structure alone see the study of an "
        "optical spine"
    )


def rail_only(row: Row) -> Answer | None:
    """Rail-only: the least and the most that it saves over the paper's range."""
    if "rail-only" not in str(row.get("topology") or "").lower():
        return None
    values: dict[str, Callable[[], float]] = {}
    for key in row["measured"]:
        what = "cost" if "cost" in key else "power" if "power" in key or "energy" in key else ""
        end = "min" if re.search(r"low|min", key) else "max" if re.search(r"high|max", key) else ""
        if what and end:
            values[key] = lambda name=f"{what}_{end}": prices.rail_only_savings()[name]  # type: ignore[misc]
    note = "switches and modules at catalog prices: 32,768 and 65,536 GPUs, domains of 256, radix 64 to 256"
    return Answer(values, otherwise="a collective's time, which depends on the job", note=note)
