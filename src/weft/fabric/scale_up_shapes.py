"""Which shape a scale-up network has, and the links of those without switches: tori, packages of dies, wafers.

TPU v4 and its kin: six links a chip in a 3-D torus, racks of 4 x 4 x 4 = 64 chips (N. P. Jouppi et al., ISCA 2023).
A package: ``modules`` UCIe modules between neighbouring dies, each as fast as the catalog's part (UCIe 1.1: 64 lanes of
32 GT/s on an advanced package). A wafer of C cores whose links add up to A both ways and in four directions, cut into n
dies: √(C / n) core links cross an edge, each A / 8C, and crossing a die takes as many hops.
"""

from __future__ import annotations

import math
import re

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.lookup import named_part
from weft.fabric.scale_up_grid import Grid, balanced_shape, checked_shape
from weft.fabric.spec import ScaleUp

GRIDS = ("torus", "chiplet", "wafer")
# A rack of TPUs: every dimension of a larger torus is a whole number of these.
CUBE_SIDE = 4
# The catalog's shapes of scale-up networks, as Weft builds them.
_KINDS = {"hybrid_cube_mesh": "full_mesh", "switched": "nvswitch", "torus_2d": "torus", "torus_3d": "torus"}
# Where no system says: the shape each protocol family is built in. NVLink 1 and 2 came before switches were common.
_SHAPES = {
    "infinity_fabric": "full_mesh",
    "ethernet_roce": "full_mesh",
    "pcie": "pcie",
    "ici": "torus",
    "neuronlink": "torus",
    "ualink": "ualink",
    "ucie": "chiplet",
    "wafer": "wafer",
}
_UNSWITCHED = ("nvlink1", "nvlink2")


def shape_of(protocol: Part, system: Part | None, accelerator: Part, per_node: int) -> str:
    """Return the kind of scale-up network: as the system says, else as the protocol is built."""
    if per_node == 1:
        return "none"
    said = system.text("scale_up_kind") if system else None
    kind = said or _SHAPES.get(protocol.text("family") or "", "nvswitch")
    kind = _KINDS.get(kind, kind)
    bridged = accelerator.has("scale_up_domain") and accelerator.si("scale_up_domain") == 2
    if kind == "nvswitch" and said is None and (bridged or protocol.id in _UNSWITCHED):
        return "full_mesh" if per_node == 2 or not bridged else "pcie"  # a bridge joins two cards
    return kind


def in_cubes(protocol: Part, shape: tuple[int, ...]) -> bool:
    """True where a torus is made of racks that are cubes of their own."""
    whole = len(shape) == 3 and all(side % CUBE_SIDE == 0 for side in shape)
    return whole and protocol.text("family") == "ici" and math.prod(shape) > CUBE_SIDE**3


def plan_grid(
    asked: ScaleUp,
    kind: str,
    catalog: Catalog,
    system: Part | None,
    accelerator: Part,
    protocol: Part,
    per_node: int,
    hop_s: float,
) -> Grid:
    """Return the torus or mesh inside a domain.

    Raises:
        UnknownName: an unknown medium.
        ConfigError: the shape does not hold the accelerators, or the rate is unknown.
    """
    sides = _dimensions(kind, system, protocol)
    if asked.shape is not None:
        shape = checked_shape(tuple(asked.shape), per_node)
    else:
        cubes = kind == "torus" and protocol.text("family") == "ici" and sides == 3
        shape = balanced_shape(per_node, sides, CUBE_SIDE if cubes else 1)
    if kind == "torus":
        return Grid(shape, True, _torus_links(asked, accelerator, protocol, len(shape), max(sides, len(shape))), hop_s)
    link_Bps, hop_s = _die_link(asked, kind, catalog, accelerator, per_node)
    return Grid(shape, False, (link_Bps,) * len(shape), hop_s)


def _dimensions(kind: str, system: Part | None, protocol: Part) -> int:
    """Return how many dimensions the hardware has: as the system says, as many as its links allow, or two for dies."""
    if kind != "torus":
        return 2
    said = re.search(r"torus_(\d)d", (system.text("scale_up_kind") or "") if system else "")
    if said:
        return int(said[1])
    return int(protocol.si("links_per_chip")) // 2 if protocol.has("links_per_chip") else 3


def _torus_links(asked: ScaleUp, accelerator: Part, protocol: Part, dimensions: int, built: int) -> tuple[float, ...]:
    """Return the rate of a link in each dimension: the accelerator's bandwidth over two links a dimension as built."""
    if asked.rate is None and protocol.has("xy_link_gBps") and protocol.has("z_link_gBps"):
        plane, deep = protocol.si("xy_link_gBps"), protocol.si("z_link_gBps")
        return tuple(plane if d < 2 else deep for d in range(dimensions))
    if asked.rate is None and not accelerator.has("scale_up_gBps_uni"):
        raise ConfigError(
            f"the catalog has no scale-up rate for {accelerator.id}; give one", field="node.scale_up.rate"
        )
    whole = asked.rate or accelerator.si("scale_up_gBps_uni")
    return (whole / (2 * built),) * dimensions


def _die_link(asked: ScaleUp, kind: str, catalog: Catalog, accelerator: Part, dies: int) -> tuple[float, float]:
    """Return (rate of the link between two neighbouring dies, one-way latency)."""
    default = "d2d_ucie_advanced" if kind == "chiplet" else accelerator.text("wafer") or "wafer_wse3"
    medium = named_part(catalog, "media", asked.medium or default, "node.scale_up.medium")
    if kind == "wafer":
        if not medium.has("aggregate_pbps"):
            raise ConfigError(f"{medium.id} is no wafer; such as wafer_wse3", field="node.scale_up.medium")
        edge = math.sqrt(medium.si("cores") / dies)
        link_Bps, hop_s = (
            medium.si("aggregate_pbps") / (8 * medium.si("cores")) * edge,
            medium.si("hop_latency_ns") * edge,
        )
    else:
        if medium.text("cls") != "d2d" or not medium.has("rate_gbps_port"):
            raise ConfigError(
                f"{medium.id} does not join dies; such as d2d_ucie_advanced", field="node.scale_up.medium"
            )
        link_Bps = medium.si("rate_gbps_port") * (asked.modules or 1)
        hop_s = medium.si("latency_ns") if medium.has("latency_ns") else 0.0
    return (asked.rate / 4 if asked.rate else link_Bps), hop_s
