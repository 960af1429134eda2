"""The cluster file: what a user writes to describe a cluster, in a few lines.

``node`` says what one server or scale-up rack is, ``nodes`` how many there are, ``scale_out`` how they are joined.
Everything left out comes from the catalog's entry for the system, accelerator, NIC or switch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from weft.fabric.floor_plan import FloorPlan, Media
from weft.fabric.routing_options import Routing
from weft.fabric.underlay_options import Underlay
from weft.files import Carbon, EnergyPrice, Length, Rate, Strict

ScaleUpKind = Literal["nvswitch", "ualink", "full_mesh", "torus", "chiplet", "wafer", "pcie", "none"]


class ScaleUp(Strict):
    """The network inside a node, a rack or a few racks: NVLink and its kin."""

    kind: ScaleUpKind | None = Field(
        None,
        description="nvswitch, ualink, full_mesh, torus, chiplet, wafer, pcie or none; default from the system",
    )
    protocol: str | None = Field(None, description="catalog protocol id, such as nvlink4")
    switch: str | None = Field(None, description="catalog switch id of the scale-up switch")
    switches: int | None = Field(
        None, gt=0, le=10_000, description="scale-up switches per node; default from the system"
    )
    rate: Rate | None = Field(None, gt=0, description="one-way bandwidth per accelerator; default from the accelerator")
    in_network_reduction: bool | None = Field(None, description="NVLS and the like; default from the protocol")
    shape: list[Annotated[int, Field(gt=0, le=100_000)]] | None = Field(
        None,
        min_length=1,
        max_length=6,
        description="accelerators along each dimension of a torus, package or wafer; default: as even as can be",
    )
    modules: int | None = Field(
        None, gt=0, le=64, description="die-to-die modules between neighbours in a package; default 1"
    )
    medium: str | None = Field(
        None, description="catalog medium of links that leave the rack; they enter the bill; default by length and rate"
    )
    length: Length | None = Field(None, gt=0, description="length of links that leave the rack; default: none do")
    ocs: str | None = Field(
        None, description="catalog optical switch that joins the cubes of a torus; none for fixed cables"
    )


class Node(Strict):
    """One scale-up domain: an 8-GPU server, or a rack such as NVL72."""

    system: str | None = Field(None, description="catalog system id, such as dgx_h100; fills what is left out")
    accelerator: str | None = Field(None, description="catalog accelerator id, such as h100_sxm")
    accelerators: int | None = Field(None, gt=0, le=100_000, description="accelerators per scale-up domain")
    scale_up: ScaleUp = ScaleUp()
    nic: str | None = Field(None, description="catalog NIC id, such as cx7")
    nics: int | None = Field(None, ge=0, le=1024, description="scale-out NICs per node")


SpareKind = Literal["switch", "nic", "cable", "module", "fibre", "ocs", "transponder", "amplifier", "mux"]


class Prices(Strict):
    """What energy costs and emits, how efficient the building is, how many spares are kept."""

    energy: EnergyPrice = Field(0.08 / 3.6e6, description="energy price, such as 0.08USD/kWh")
    pue: float = Field(1.2, ge=1, le=3, description="power usage effectiveness of the building")
    years: float = Field(4.0, gt=0, le=50, description="depreciation of hardware, years")
    carbon: Carbon = Field(0.445 / 3.6e6, description="carbon intensity of the grid, such as 0.4kgCO2/kWh")
    spares: dict[SpareKind, Annotated[float, Field(ge=0, le=1)]] = Field(
        {}, description="spares kept of each kind of part, as a fraction of those in use; default from the catalog"
    )


class Site(Strict):
    """A place with a part of the nodes and a network of its own, far from the others."""

    name: str = Field(min_length=1, max_length=100, description="for people, and for routes")
    nodes: int | None = Field(None, gt=0, le=4_000_000, description="nodes here; in all, the cluster's")
    share: float | None = Field(None, gt=0, description="part of the nodes that are here; default: equal parts")
    position: tuple[Length, Length] | None = Field(
        None, description="east and north of any point, such as [0km, 80km]; fibre runs straight"
    )


class Route(Strict):
    """Long-haul links between two sites, where they differ from the others."""

    between: tuple[str, str] = Field(description="names of the two sites")
    links: int | None = Field(None, gt=0, le=1_000_000, description="links of this route; default from long_haul")
    distance: Length | None = Field(None, gt=0, le=4e7, description="along the fibre; default from long_haul")


class LongHaul(Strict):
    """What joins the sites: coherent links from the topmost switches of one to those of another."""

    links: int = Field(gt=0, le=1_000_000, description="links between two sites")
    rate: Rate | None = Field(None, gt=0, description="of a link; default 400Gb/s, or the uplinks' if less")
    medium: str | None = Field(
        None, description="catalog medium, such as coh_400zr; default: the cheapest that reaches"
    )
    distance: Length | None = Field(None, gt=0, le=4e7, description="along the fibre between two sites")
    routes: list[Route] | None = Field(
        None, min_length=1, max_length=2016, description="which sites are joined; default: any two"
    )


class Cluster(Strict):
    """A whole cluster file."""

    name: str = Field("cluster", max_length=200)
    description: str = ""
    nodes: int = Field(gt=0, le=4_000_000, description="number of nodes (scale-up domains)")
    node: Node
    scale_out: dict[str, Any] | None = Field(
        None, description="topology: its name, plus the options of that topology; leave out for one node"
    )
    front_end: dict[str, Any] | None = Field(
        None, description="a network of its own for users and management: as scale_out, and nic, nics, servers"
    )
    storage: dict[str, Any] | None = Field(
        None, description="a network of its own for storage: as scale_out, and nic, nics, servers"
    )
    sites: list[Site] | None = Field(
        None, min_length=1, max_length=64, description="places far apart; each has the scale_out network to itself"
    )
    long_haul: LongHaul | None = Field(None, description="what joins the sites")
    floor_plan: FloorPlan | None = Field(
        None, description="the building; nodes get places, cables their lengths and media from them"
    )
    media: Media | None = Field(
        None,
        description="how media are chosen: cheapest, lowest_power or most_reliable; a class such as aoc or lpo, or a "
        "medium; a list of these to choose among; or a mapping by tier (leaf, spine, core ... default)",
    )
    routing: Routing = Field(Routing(), description="which paths flows take, and how load is balanced over them")
    underlay: Underlay = Field(Underlay(), description="addresses, AS numbers and BGP of the switches, once configured")
    prices: Prices = Prices()
    catalog: list[str] = Field([], description="overlay files with your own parts, relative to this file")

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder that ``catalog`` paths are relative to: the file's, or the current one."""
        return self._folder

    def placed_in(self, folder: Path) -> Cluster:
        """Return the same cluster with ``catalog`` paths relative to ``folder``."""
        copy = self.model_copy()
        copy._folder = folder
        return copy
