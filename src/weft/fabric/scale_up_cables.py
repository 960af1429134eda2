"""Scale-up links that leave the rack: over which medium, how long, and through which optical switches.

Inside a rack, links are traces and cartridges whose price is part of the system's. With ``medium`` or ``length`` given,
every link of a switched or meshed domain is a cable of its own; of a torus of cubes, those between cubes. They enter
the bill of materials, and their length and medium add to the latency.

Cubes of 4 x 4 x 4 are joined through optical circuit switches as in TPU v4: the two ends of the ring through each of
the 3 x 16 places on opposite faces go to one switch, two ports a cube, so 64 cubes take 48 switches of 128 ports
(N. P. Jouppi et al., ISCA 2023). Where cubes are few, several places share a switch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, InfeasibleError
from weft.fabric.lookup import named_part
from weft.fabric.media import COPPER, choose_medium
from weft.fabric.scale_up_grid import Grid
from weft.fabric.scale_up_shapes import CUBE_SIDE, in_cubes
from weft.fabric.spec import ScaleUp

# Where only the medium is given: to a rack a few places along the row; between cubes: across the hall.
ROW_M = 5.0
HALL_M = 30.0
# Optical switches take single-mode light: modules that reach this far send it.
_SINGLE_MODE_M = 500.0


@dataclass(frozen=True, slots=True)
class Cabling:
    """What leaves the rack.

    Attributes:
        medium: catalog medium id.
        length_m: of each link.
        latency_s: one crossing: propagation, and the medium's own.
        cube: accelerators of a rack along each dimension of a torus; empty where every link leaves the rack.
        ocs: catalog optical switch; None for fixed cables.
        ocs_count: per domain.
    """

    medium: str
    length_m: float
    latency_s: float
    cube: tuple[int, ...] = ()
    ocs: Part | None = None
    ocs_count: int = 0


def plan_cabling(
    asked: ScaleUp, kind: str, catalog: Catalog, protocol: Part, per_node: int, link_Bps: float, grid: Grid | None
) -> Cabling | None:
    """Return what leaves the rack; None where nothing does.

    Args:
        asked: what the user wrote.
        kind: of the scale-up network.
        catalog: the parts.
        protocol: of the links.
        per_node: accelerators in the domain.
        link_Bps: of one link, one way.
        grid: the torus, if it is one.

    Raises:
        UnknownName: an unknown medium or optical switch.
        ConfigError: optical switches without cubes.
        InfeasibleError: nothing reaches, or the optical switch has too few ports.
    """
    if kind in ("none", "pcie", "chiplet", "wafer") or per_node == 1:
        return None
    cubes = grid is not None and in_cubes(protocol, grid.shape)
    if asked.ocs not in (None, "none") and not cubes:
        raise ConfigError(
            f"optical switches join cubes of {CUBE_SIDE} x {CUBE_SIDE} x {CUBE_SIDE} in a 3-D torus of more than one",
            field="node.scale_up.ocs",
        )
    if not cubes and asked.length is None and asked.medium is None:
        return None
    length_m = asked.length or (HALL_M if cubes else ROW_M)
    ocs, count = _optical_switches(asked, catalog, protocol, per_node) if cubes else (None, 0)
    reach_m = length_m if ocs is None or asked.medium else max(length_m, _SINGLE_MODE_M)
    medium = choose_medium(catalog, link_Bps, reach_m, asked.medium, "node.scale_up.medium")
    cube = (CUBE_SIDE,) * 3 if cubes else ()
    return Cabling(medium.id, length_m, _crossing_s(catalog, medium, length_m), cube, ocs, count)


def _optical_switches(asked: ScaleUp, catalog: Catalog, protocol: Part, per_node: int) -> tuple[Part | None, int]:
    """Return the optical switch and how many: as asked, else the smallest that takes all cubes, where they are used."""
    usual = "with OCS" in (protocol.text("topology") or "")
    if asked.ocs == "none" or (asked.ocs is None and not usual):
        return None, 0
    places, ports = 3 * CUBE_SIDE**2, 2 * per_node // CUBE_SIDE**3
    if asked.ocs:
        ocs = named_part(catalog, "ocs", asked.ocs, "node.scale_up.ocs")
        if _ports(ocs) < ports:
            raise InfeasibleError(
                f"node.scale_up.ocs: {ports // 2} cubes take {ports} ports of each optical switch, "
                f"{ocs.id} has {_ports(ocs)}; use a larger one or fewer cubes"
            )
    else:
        fitting = [part for part in catalog.parts("ocs") if part.has("price_usd") and _ports(part) >= ports]
        if not fitting:
            raise InfeasibleError(
                f"node.accelerators: {ports // 2} cubes take {ports} ports of each optical switch; "
                "no priced one in the catalog has as many"
            )
        ocs = min(fitting, key=_ports)
    return ocs, math.ceil(places / (_ports(ocs) // ports))


def _ports(ocs: Part) -> int:
    """Return the ports that can be used: a few are kept as spares."""
    name = next((name for name in ("ports_usable", "ports") if ocs.has(name)), None)
    return int(ocs.si(name)) if name else 0


def _crossing_s(catalog: Catalog, medium: Part, length_m: float) -> float:
    """Return propagation and the medium's own delay; error correction is in the protocol's latency already."""
    kind = medium.text("cls") or ""
    way = "prop_twinax" if kind in COPPER else "prop_imaging_fiber" if kind == "microled" else "prop_smf"
    inside_s = medium.si("latency_ns_added_link") if medium.has("latency_ns_added_link") else 0.0
    return catalog.get("media", way).si("propagation_ns_per_m") * length_m + inside_s
