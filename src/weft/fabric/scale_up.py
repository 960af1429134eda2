"""The network inside a node: accelerators joined by switches, by a full mesh of links, or through the host."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.lookup import named_part
from weft.fabric.spec import ScaleUp
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass

# Accelerator to accelerator, one way, where the catalog has no measured value for a protocol. NVLink 4 and 5 were
# measured at 829 ns and 792 ns (catalog: nvlink4 latency_ns_p2p, nvlink5 latency_ns_oneway).
TYPICAL_LATENCY_S = 8e-7
# NVLink SHARP came with the third NVSwitch generation.
_REDUCING = ("nvlink4", "nvlink5", "nvlink6", "nvlink7")
# The catalog's shapes of scale-up networks, as Weft builds them.
_KINDS = {"hybrid_cube_mesh": "full_mesh", "switched": "nvswitch"}
# Where no system says: the shape each protocol family is built in. NVLink 1 and 2 came before switches were common.
_SHAPES = {
    "infinity_fabric": "full_mesh",
    "ethernet_roce": "full_mesh",
    "pcie": "pcie",
    "ici": "torus",
    "neuronlink": "torus",
}
_UNSWITCHED = ("nvlink1", "nvlink2")


@dataclass(frozen=True, slots=True)
class ScaleUpPlan:
    """The network inside a node.

    Attributes:
        kind: ``nvswitch``, ``full_mesh``, ``pcie`` or ``none``.
        protocol: catalog protocol id.
        rate_Bps: one way, per accelerator, all its links together.
        latency_s: accelerator to accelerator, one way.
        switch: catalog switch; None without switches, or where the catalog has no such part.
        switches: per node.
        reduces: the switches can reduce (NVLS).
    """

    kind: str
    protocol: str
    rate_Bps: float
    latency_s: float
    switch: Part | None
    switches: int
    reduces: bool


def plan_scale_up(
    asked: ScaleUp, catalog: Catalog, system: Part | None, accelerator: Part, per_node: int, pcie: Part
) -> ScaleUpPlan:
    """Fill the blanks of a node's scale-up network.

    Raises:
        UnknownName: an unknown protocol or switch id.
        ConfigError: the rate is unknown and not given.
    """
    name = asked.protocol or _text(system, "scale_up_protocol") or accelerator.text("scale_up_protocol") or pcie.id
    part = named_part(catalog, "protocols", name, "node.scale_up.protocol")
    kind = asked.kind or _kind_of(part, system, accelerator, per_node)
    if kind == "pcie" and asked.protocol is None and part.text("family") != "pcie":
        part = pcie
    switch, switches = _switches(asked, catalog, system, part, per_node) if kind == "nvswitch" else (None, 0)
    return ScaleUpPlan(
        kind=kind,
        protocol=part.id,
        rate_Bps=_rate(asked, accelerator, part, kind),
        latency_s=_latency(part),
        switch=switch,
        switches=switches,
        reduces=asked.in_network_reduction if asked.in_network_reduction is not None else _reduces(kind, part),
    )


def _text(part: Part | None, name: str) -> str | None:
    return part.text(name) if part else None


def _kind_of(protocol: Part, system: Part | None, accelerator: Part, per_node: int) -> str:
    """Return the shape of the network: as the system says, else as the protocol is built.

    Raises:
        ConfigError: a torus.
    """
    if per_node == 1:
        return "none"
    said = _text(system, "scale_up_kind")
    kind = said or _SHAPES.get(protocol.text("family") or "", "nvswitch")
    kind = _KINDS.get(kind, kind)
    if kind.startswith("torus"):
        raise ConfigError(
            f"{protocol.name} joins accelerators in a torus, which Weft cannot build yet; set another kind",
            field="node.scale_up.kind",
        )
    bridged = accelerator.has("scale_up_domain") and accelerator.si("scale_up_domain") == 2
    if kind == "nvswitch" and said is None and (bridged or protocol.id in _UNSWITCHED):
        return "full_mesh" if per_node == 2 or not bridged else "pcie"  # a bridge joins two cards
    return kind


def _switches(
    asked: ScaleUp, catalog: Catalog, system: Part | None, protocol: Part, per_node: int
) -> tuple[Part | None, int]:
    """Return the scale-up switch and how many a node has: as asked, as the system says, or as their ports demand."""
    alike = (other.text("scale_up_switch") for other in catalog.parts("systems") if _speaks(other, protocol))
    name = asked.switch or _text(system, "scale_up_switch") or next((other for other in alike if other), None)
    switch = named_part(catalog, "switches", name, "node.scale_up.switch") if name else None
    if asked.switches:
        return switch, asked.switches
    if system and system.has("scale_up_switches"):
        return switch, int(system.si("scale_up_switches"))
    if switch and switch.has("ports_count") and protocol.has("links_per_gpu"):
        return switch, math.ceil(per_node * protocol.si("links_per_gpu") / switch.si("ports_count"))
    return switch, 1


def _speaks(system: Part, protocol: Part) -> bool:
    return system.text("scale_up_protocol") == protocol.id


def _rate(asked: ScaleUp, accelerator: Part, protocol: Part, kind: str) -> float:
    if asked.rate is not None:
        return asked.rate
    if kind == "pcie":
        return protocol.si("x16_gBps_uni")
    if accelerator.has("scale_up_gBps_uni"):
        return accelerator.si("scale_up_gBps_uni")
    if kind == "none":
        return 0.0
    raise ConfigError(f"the catalog has no scale-up rate for {accelerator.id}; give one", field="node.scale_up.rate")


def _latency(protocol: Part) -> float:
    for fact in ("latency_ns_p2p", "latency_ns_oneway", "hop_latency_ns"):
        if protocol.has(fact):
            return protocol.si(fact)
    if protocol.has("latency_ns_rt_device"):
        return protocol.si("latency_ns_rt_device")
    return TYPICAL_LATENCY_S


def _reduces(kind: str, protocol: Part) -> bool:
    return kind == "nvswitch" and protocol.id in _REDUCING


def wire_scale_up(graph: GraphBuilder, plan: ScaleUpPlan, hosts: IntArray, gpus: IntArray) -> None:
    """Add the links (and switches) inside every node.

    Args:
        graph: the fabric under construction.
        plan: the network inside one node.
        hosts: int32[nodes], host rows.
        gpus: int32[nodes, per_node], accelerator rows.

    Each accelerator's bandwidth is split evenly over the switches of an ``nvswitch`` node (a real HGX H100 has 5, 4, 4
    and 5 of an accelerator's 18 links on its four chips), and over its peers in a ``full_mesh`` (a hybrid cube mesh is
    taken as one: the sum of its links is right, single pairs have fewer or more).
    """
    nodes, per_node = gpus.shape
    half = plan.latency_s / 2
    if plan.kind == "nvswitch":
        count = plan.switches
        ordinals = np.tile(np.arange(count), nodes)
        part = plan.switch
        rows = graph.nodes(
            Kind.SCALE_UP_SWITCH, nodes * count, part=part, parent=np.repeat(hosts, count), ordinal=ordinals
        ).reshape(nodes, 1, count)
        lower = np.broadcast_to(gpus[:, :, None], (nodes, per_node, count)).ravel()
        upper = np.broadcast_to(rows, (nodes, per_node, count)).ravel()
        link = LinkClass("gpu-scaleup", Domain.SCALE_UP, plan.protocol, plan.rate_Bps / count, half, half)
        graph.cables(lower, upper, link)
    elif plan.kind == "full_mesh" and per_node > 1:
        first, second = np.triu_indices(per_node, 1)
        rate_Bps = plan.rate_Bps / (per_node - 1)
        link = LinkClass("gpu-gpu", Domain.SCALE_UP, plan.protocol, rate_Bps, plan.latency_s, plan.latency_s)
        graph.cables(gpus[:, first].ravel(), gpus[:, second].ravel(), link)
    elif plan.kind == "pcie":
        link = LinkClass("gpu-host", Domain.SCALE_UP, plan.protocol, plan.rate_Bps, half, half)
        graph.cables(gpus.ravel(), np.repeat(hosts, per_node), link)
