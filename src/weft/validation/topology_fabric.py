"""Fabrics for rows of the topology suite, and everything that can be counted on one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from weft.catalog import Part, load_catalog
from weft.economics import BillOfMaterials, bill_of_materials
from weft.errors import ConfigError
from weft.fabric import Cluster, Domain, Fabric, Kind, build_fabric
from weft.fabric.hardware import switch_ports
from weft.validation.rows import Prediction, Row, unsupported

#: Lines of a bill that the published costs count: the network without the hosts' NICs.
NETWORK_KINDS = ("switch", "ocs", "module", "fibre", "cable")
_NICS = ("cx5", "cx6_dx", "cx6", "cx7", "cx8")


@dataclass(frozen=True)
class Answer:
    """What a study says about the measured values of one row.

    Attributes:
        values: by metric, how to work it out, in the unit that the metric's name has.
        reasons: by metric, why it cannot be said.
        otherwise: why any other metric cannot be said.
        note: under which conditions the values hold, if the row does not say.
    """

    values: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = "not a count, cost or power that follows from the structure"
    note: str = ""

    def predict(self, row: Row, metric: str, measured: object) -> Prediction:
        """One measured value of the row beside what the study says of it, or why it says nothing."""
        if isinstance(measured, bool) or not isinstance(measured, int | float):
            return unsupported(row, "not a number", metric=metric)
        if metric not in self.values or metric in self.reasons:
            reason = self.reasons.get(metric, self.otherwise)
            return unsupported(row, reason, metric=metric, measured=float(measured))
        return Prediction(
            str(row.get("id", "")),
            metric,
            float(self.values[metric]()),
            float(measured),
            reason=self.note,
            source=str(row.get("source", "")),
        )


def whole_number(row: Mapping[str, Any], key: str, default: int, *, least: int = 1, most: int = 10_000_000) -> int:
    """Return a condition of a row as a whole number; the default where it does not say.

    Raises:
        ConfigError: it is none, or out of range.
    """
    value = row.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ConfigError(f"{key}: expected a whole number, read {str(value)[:40]!r}")
    if not least <= value <= most:
        raise ConfigError(f"{key}: expected {least:,} to {most:,}, read {value:,}")
    return int(value)


def build(nodes: int, node: Mapping[str, Any], scale_out: Mapping[str, Any] | None = None) -> Fabric:
    """Build a cluster in memory; raises as `weft.fabric.build_fabric` does."""
    written = {"nodes": nodes, "node": dict(node), "scale_out": None if scale_out is None else dict(scale_out)}
    return build_fabric(Cluster.model_validate(written))


def bare_node(accelerators: int, rate_Gbps: float, nics: int | None = None) -> dict[str, Any]:
    """Return a node that counts as so many endpoints: one NIC an accelerator, the slowest that has the rate."""
    catalog = load_catalog()
    fast = [name for name in _NICS if catalog.get("nics", name).si("port_gbps") >= rate_Gbps * 1e9 / 8 * 0.999]
    if not fast:
        raise ConfigError(f"no NIC of {rate_Gbps:g} Gb/s is in the catalog")
    nic = min(fast, key=lambda name: catalog.get("nics", name).si("port_gbps"))
    few = {"scale_up": {"kind": "nvswitch", "switches": 1}} if accelerators > 1 else {}
    count = accelerators if nics is None else nics
    return {"accelerator": "h100_sxm", "accelerators": accelerators, "nic": nic, "nics": count, **few}


def switch_of(radix: int, rate_Gbps: float, family: str = "") -> Part:
    """Return the smallest priced catalog switch with so many ports of a rate.

    Args:
        radix: ports at least.
        rate_Gbps: of each.
        family: only those that say this protocol; empty for all.

    Raises:
        ConfigError: the catalog has none.
    """
    fitting = []
    for part in load_catalog().parts("switches"):
        if not part.has("price_usd_system") or (family and part.text("protocol") != family):
            continue
        try:
            ports = switch_ports(part, rate_Gbps * 1e9 / 8)
        except ConfigError:  # all its ports are slower
            continue
        if ports >= radix:
            fitting.append((ports, part.si("price_usd_system"), part.id, part))
    if not fitting:
        raise ConfigError(f"the catalog has no priced switch of {radix} ports of {rate_Gbps:g} Gb/s")
    return min(fitting)[3]


def network_cost_usd(fabric: Fabric, bill: BillOfMaterials | None = None) -> float:
    """Return USD, typical, of switches, modules, cables and fibre: without NICs."""
    return (bill or bill_of_materials(fabric)).cost_of(*NETWORK_KINDS).typical


def network_power_w(fabric: Fabric, bill: BillOfMaterials | None = None) -> float:
    """Return watts, typical, of switches and modules: without NICs."""
    return (bill or bill_of_materials(fabric)).power_of(*NETWORK_KINDS).typical


def cables_named(fabric: Fabric, name: str) -> int:
    """Return how many cables a class of links takes; those that share a breakout count once."""
    return sum(c.whole_cables for c in fabric.link_classes if c.name == name and c.domain == Domain.SCALE_OUT)


def counts(fabric: Fabric) -> dict[str, Callable[[], float]]:
    """Return every structural metric of a fabric that rows may measure."""
    kinds, plan = fabric.by_kind, fabric.plan
    plain: dict[str, float] = {
        "endpoints": fabric.endpoints,
        "gpus": fabric.accelerators,
        "gpus_total": fabric.accelerators,
        "accelerators": fabric.accelerators,
        "chips": fabric.accelerators,
        "nodes": plan.nodes,
        "servers": plan.nodes,
        "dgx_nodes": plan.nodes,
        "switches": fabric.switches,
        "switches_total": fabric.switches,
        "routers": kinds.get("router", fabric.switches),
        "leaf": kinds.get("leaf", 0),
        "spine": kinds.get("spine", 0),
        "core": kinds.get("core", 0),
        "links_switch_to_switch": fabric.cables(between_switches=True),
        "links_total": fabric.cables(),
        "cables_total": fabric.cables(),
        "cables_node_leaf": cables_named(fabric, "nic-leaf"),
        "cables_leaf_spine": cables_named(fabric, "leaf-spine"),
        "cables_spine_core": cables_named(fabric, "spine-core"),
        "nics_per_node": plan.nics,
        "nic_Gbps": plan.nic_rate_Bps * 8e-9,
        "pods": kinds.get("pod", 0),
        "nvswitch_count": kinds.get("scale_up_switch", 0),
        "nvswitch_chips": kinds.get("scale_up_switch", 0),
        "bisection_TBps": fabric.bisection_Bps / 1e12,
        "bisection_Tbps": fabric.bisection_Bps * 8e-12,
    }
    found = constants(plain)
    found["radix"] = lambda: most_ports(fabric)
    found["cost_MUSD"] = lambda: network_cost_usd(fabric) / 1e6
    found["cost_per_endpoint_kUSD"] = lambda: network_cost_usd(fabric) / fabric.endpoints / 1e3
    return found


def alltoall_pct(fabric: Fabric) -> float:
    """Return the share of its injection bandwidth that every endpoint can use in a uniform all-to-all on a tree, %.

    Of what the n endpoints of a unit send, (E - n) / E leaves it, through its uplinks: the thinnest tier decides.
    """
    network, share = fabric.network, 1.0
    for tier in network.tiers[:-1]:
        ports = np.bincount(tier.unit, minlength=len(tier.uplink_Bps))
        leaving_Bps = ports * network.rate_Bps * (fabric.endpoints - ports) / fabric.endpoints
        share = min(share, float((tier.uplink_Bps[leaving_Bps > 0] / leaving_Bps[leaving_Bps > 0]).min(initial=1.0)))
    return 100.0 * share


def most_ports(fabric: Fabric) -> int:
    """Return the most links that any one switch has."""
    degree = np.bincount(fabric.links.src, minlength=len(fabric.nodes))
    switch = np.isin(fabric.nodes.kind, (Kind.LEAF, Kind.SPINE, Kind.CORE, Kind.ROUTER))
    return int(degree[switch].max(initial=0))


def constants(values: Mapping[str, float]) -> dict[str, Callable[[], float]]:
    """Return plain numbers in the form of `Answer.values`."""
    return {name: partial(float, value) for name, value in values.items()}
