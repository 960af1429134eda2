"""The network inside a scale-up domain, every blank filled: its shape, links, switches and, where it leaves the rack,
its cables.

| kind | accelerators joined by |
|---|---|
| nvswitch | every one to every switch, its bandwidth split evenly (HGX: 8; NVL72: 72 with 18 switches; Kyber: 144) |
| ualink | the same, one switch for each plane of stations, up to 1,024 (UALink 200G 1.0 specification) |
| full_mesh | a link between every two (Infinity Fabric: 8) |
| torus | rings along each dimension; cubes of 4 x 4 x 4 joined through optical switches (TPU v4: 4,096) |
| chiplet | dies of a package in a mesh, UCIe modules between neighbours |
| wafer | dies of a wafer in a mesh, as wide as their edges (Cerebras) |
| pcie | the host |
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.lookup import named_part
from weft.fabric.scale_up_cables import Cabling, plan_cabling
from weft.fabric.scale_up_grid import Grid
from weft.fabric.scale_up_shapes import GRIDS, plan_grid, shape_of
from weft.fabric.scale_up_switches import chips, plan_switches
from weft.fabric.spec import ScaleUp

# Accelerator to accelerator, one way, where the catalog has no measured value for a protocol. NVLink 4 and 5 were
# measured at 829 ns and 792 ns (catalog: nvlink4 latency_ns_p2p, nvlink5 latency_ns_oneway).
TYPICAL_LATENCY_S = 8e-7
# NVLink SHARP came with the third NVSwitch generation.
_REDUCING = ("nvlink4", "nvlink5", "nvlink6", "nvlink7")
# What each kind speaks where neither the user nor a system says.
_PROTOCOLS = {"ualink": "ualink1", "chiplet": "ucie", "wafer": "wafer_mesh"}
SWITCHED = ("nvswitch", "ualink")


@dataclass(frozen=True, slots=True)
class ScaleUpPlan:
    """The network inside a scale-up domain.

    Attributes:
        kind: see the table above.
        protocol: catalog protocol id.
        rate_Bps: one way, per accelerator, all its links together.
        latency_s: accelerator to accelerator, one way; over one link, where there are no switches.
        switch: catalog switch; None without switches, or where the catalog has no such part.
        switches: per domain, as drawn.
        chips: switch parts in each drawn switch.
        reduces: the switches can reduce (NVLS).
        grid: the torus or mesh; None where every two accelerators are alike.
        cabling: what leaves the rack; None where nothing does.
    """

    kind: str
    protocol: str
    rate_Bps: float
    latency_s: float
    switch: Part | None
    switches: int
    reduces: bool
    grid: Grid | None = None
    cabling: Cabling | None = None
    chips: int = 1

    def links(self, per_node: int) -> int:
        """How many links a domain of ``per_node`` accelerators has."""
        if self.grid is not None:
            return self.grid.links
        if self.kind in SWITCHED:
            return per_node * self.switches
        return {"full_mesh": per_node * (per_node - 1) // 2, "pcie": per_node}.get(self.kind, 0)


def plan_scale_up(
    asked: ScaleUp, catalog: Catalog, system: Part | None, accelerator: Part, per_node: int, pcie: Part
) -> ScaleUpPlan:
    """Fill the blanks of a scale-up network.

    Raises:
        UnknownName: an unknown protocol, switch, medium or optical switch.
        ConfigError: the rate is unknown and not given, or an option does not go with the kind.
        InfeasibleError: no switch is large enough, or no medium reaches.
    """
    name = _protocol_name(asked, system, accelerator, pcie)
    part = named_part(catalog, "protocols", name, "node.scale_up.protocol")
    kind = asked.kind or shape_of(part, system, accelerator, per_node)
    if kind == "pcie" and asked.protocol is None and part.text("family") != "pcie":
        part = pcie
    _check_options(asked, kind)
    latency_s = _latency(part)
    grid = None
    if kind in GRIDS:
        grid = plan_grid(asked, kind, catalog, system, accelerator, part, per_node, latency_s)
    rate_Bps = grid.rate_Bps if grid else _rate(asked, accelerator, part, kind)
    switch, switches = plan_switches(asked, kind, catalog, system, part, per_node, rate_Bps)
    link_Bps = min(grid.link_Bps) if grid else rate_Bps / (switches or max(1, per_node - 1))
    cabling = plan_cabling(asked, kind, catalog, part, per_node, link_Bps, grid)
    if grid is not None:
        latency_s = grid.hop_s
    elif cabling is not None:  # up to the switch and down again
        latency_s += (2 if kind in SWITCHED else 1) * cabling.latency_s
    return ScaleUpPlan(
        kind=kind,
        protocol=part.id,
        rate_Bps=rate_Bps,
        latency_s=latency_s,
        switch=switch,
        switches=switches,
        reduces=asked.in_network_reduction if asked.in_network_reduction is not None else _reduces(kind, part),
        grid=grid,
        cabling=cabling,
        chips=chips(switch, per_node) if kind in SWITCHED else 1,
    )


def _protocol_name(asked: ScaleUp, system: Part | None, accelerator: Part, pcie: Part) -> str:
    usual = (system.text("scale_up_protocol") if system else None) or accelerator.text("scale_up_protocol")
    return asked.protocol or _PROTOCOLS.get(asked.kind or "") or usual or pcie.id


def _check_options(asked: ScaleUp, kind: str) -> None:
    """Refuse what a kind has no use for: it would be silently ignored."""
    meant = {
        "shape": ("torus", "chiplet", "wafer"),
        "modules": ("chiplet",),
        "ocs": ("torus",),
        "switch": SWITCHED,
        "switches": SWITCHED,
        "length": (*SWITCHED, "full_mesh", "torus"),
    }
    for name, kinds in meant.items():
        if getattr(asked, name) is not None and kind not in kinds:
            raise ConfigError(
                f"a scale-up network of kind {kind} has no {name}; kinds that do: {', '.join(kinds)}",
                field=f"node.scale_up.{name}",
            )


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
    if protocol.has("latency_ns_req_resp_rtt"):  # there and back
        return protocol.si("latency_ns_req_resp_rtt") / 2
    return TYPICAL_LATENCY_S


def _reduces(kind: str, protocol: Part) -> bool:
    return kind == "nvswitch" and protocol.id in _REDUCING
