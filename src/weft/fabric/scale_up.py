"""The network inside a node: accelerators joined by switches, by a full mesh of links, or through the host."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, UnknownName
from weft.fabric.builder import GraphBuilder
from weft.fabric.spec import ScaleUp
from weft.fabric.tables import Domain, IntArray, Kind, LinkClass

# Accelerator to accelerator, one way, where the catalog has no measured value for a protocol. NVLink 4 and 5 were
# measured at 829 ns and 792 ns (catalog: nvlink4 latency_ns_p2p, nvlink5 latency_ns_oneway).
TYPICAL_LATENCY_S = 8e-7
_NVSWITCHES = {
    "nvlink2": "nvswitch1",
    "nvlink3": "nvswitch2",
    "nvlink4": "nvswitch3",
    "nvlink5": "nvswitch4_nvl5",
    "nvlink6": "nvswitch5_nvl6",
}
# NVLink SHARP came with the third NVSwitch generation.
_REDUCING = ("nvlink4", "nvlink5", "nvlink6", "nvlink7")
_COUNT = re.compile(r"(\d+)\s+(?:NVSwitch|NVLink\d switch)", re.IGNORECASE)


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
    protocol = asked.protocol or _protocol_of(catalog, accelerator)
    kind = asked.kind or _kind_of(protocol, system, per_node)
    if kind == "pcie" and asked.protocol is None:
        protocol = pcie.id
    part = _named(catalog, "protocols", protocol, "node.scale_up.protocol")
    switch, switches = (None, 0)
    if kind == "nvswitch":
        switch, switches = _switches(asked, catalog, system, part, accelerator, per_node)
    return ScaleUpPlan(
        kind=kind,
        protocol=part.id,
        rate_Bps=_rate(asked, accelerator, part, kind),
        latency_s=_latency(part),
        switch=switch,
        switches=switches,
        reduces=asked.in_network_reduction if asked.in_network_reduction is not None else _reduces(kind, part),
    )


def _protocol_of(catalog: Catalog, accelerator: Part) -> str:
    """Return the protocol the accelerator names, else the scale-up protocol that has its rate."""
    named = accelerator.text("scale_up_protocol") or accelerator.text("scale_up")
    if named:
        return named
    rate_Bps = accelerator.si("scale_up_gBps_uni") if accelerator.has("scale_up_gBps_uni") else 0.0
    families = _families(accelerator)
    for protocol in catalog.parts("protocols"):
        if protocol.text("layer") != "scale_up" or protocol.text("family") not in families:
            continue
        for fact in ("gpu_gBps_uni", "chip_gBps_uni"):
            if protocol.has(fact) and protocol.si(fact) == rate_Bps:
                return protocol.id
    return "pcie5"


def _families(accelerator: Part) -> tuple[str, ...]:
    makers = {
        "NVIDIA": ("nvlink",),
        "AMD": ("infinity_fabric", "ualink"),
        "Google": ("ici",),
        "AWS": ("neuronlink",),
        "Huawei": ("ub",),
    }
    return next((families for maker, families in makers.items() if accelerator.name.startswith(maker)), ("nvlink",))


def _kind_of(protocol: str, system: Part | None, per_node: int) -> str:
    if per_node == 1:
        return "none"
    text = (system.text("scale_up") or "") if system else ""
    if "mesh" in text:
        return "full_mesh"
    if protocol.startswith("pcie"):
        return "pcie"
    return "nvswitch" if protocol.startswith("nvlink") or protocol in ("ualoe_helios", "huawei_ub") else "full_mesh"


def _switches(
    asked: ScaleUp, catalog: Catalog, system: Part | None, protocol: Part, accelerator: Part, per_node: int
) -> tuple[Part | None, int]:
    """Return the scale-up switch and how many a node has: as asked, as a system says, or as its ports demand."""
    name = asked.switch or _NVSWITCHES.get(protocol.id)
    switch = _named(catalog, "switches", name, "node.scale_up.switch") if name else None
    if asked.switches:
        return switch, asked.switches
    alike = [other for other in catalog.parts("systems") if other.text("accelerator") == accelerator.id]
    alike = [other for other in alike if other.has("accelerators") and other.si("accelerators") == per_node]
    for known in (*([system] if system else []), *alike):
        if known.has("switch_chips"):
            return switch, int(known.si("switch_chips"))
        if found := _COUNT.search(known.text("scale_up") or ""):
            return switch, int(found[1])
    if switch and switch.has("ports_count") and protocol.has("links_per_gpu"):
        return switch, math.ceil(per_node * protocol.si("links_per_gpu") / switch.si("ports_count"))
    return switch, 1


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


def _named(catalog: Catalog, kind: str, part_id: str, field: str) -> Part:
    try:
        return catalog.get(kind, part_id)
    except UnknownName as error:
        error.field = field
        raise


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
