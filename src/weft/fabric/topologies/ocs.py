"""Blocks joined through optical circuit switches: no spine above the pods, light led from pod to pod.

A block is a pod of leaves and spines, or a single leaf (``blocks: leaves``). Each of n blocks has U uplinks, spread
over N = ⌈U / ⌊R / n⌋⌉ optical switches of R ports; a switch joins its fibres in pairs, as ``circuits`` say: a uniform
mesh by default, U / (n - 1) circuits between any two blocks (`weft.fabric.circuits`), or as listed. Counts: as fat_tree
below the cores; n U fibres to N switches, and modules at the blocks' ends only, each of which sends all its lanes over
one fibre pair. Bisection of full pods at 1:1, uniform and n even: n² / 4 · U / (n - 1) circuits, a little more than
half of all uplinks; in general the maximum flow of up to 200 switches, and of more the thinnest cut with every block
whole on one side or the other (an upper bound), one block halved where they are odd. Traffic beyond what two blocks'
circuits carry goes through a third; such detours are not in the latency.
Sources: L. Poutievski et al., Jupiter evolving, SIGCOMM 2022; N. Jouppi et al., TPU v4, ISCA 2023.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.circuits import Circuits, given_mesh, mesh_cut_Bps, uniform_mesh
from weft.fabric.clos import wire_clos
from weft.fabric.clos_options import ClosOptions, Hardware, pick, resolve_hardware
from weft.fabric.clos_size import ClosSize, check_ports, ports_down, ports_up, spread
from weft.fabric.lookup import named_part
from weft.fabric.media import choose_medium, link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut, Tier, sides_Bps
from weft.fabric.tables import Kind, LinkClass
from weft.fabric.topologies.leaf_spine import LENGTHS_M, host_ports

QUICK_S = 1.0
Pair = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1, le=1_000_000)]]


class Options(ClosOptions):
    """What to write under ``scale_out`` with ``topology: ocs``.

    In ``length`` and ``medium``, ``core`` is of the fibres to the optical switches, end to end of one of them.
    """

    blocks: Literal["pods", "leaves"] = Field("pods", description="what the optical switches join: pods, or leaves")
    leaf_nodes: int | None = Field(None, gt=0, description="nodes per leaf; default: as many as fit")
    pod_nodes: int | None = Field(None, gt=0, description="nodes per pod; default: as many as a spine has ports for")
    ocs: str | None = Field(
        None,
        description="catalog optical switch; default: what costs least in all, of those that move circuits in a second",
    )
    circuits: list[Pair] | None = Field(
        None, description="circuits between blocks, as [block, block, how many]; default: a uniform mesh"
    )


@dataclass(frozen=True)
class _Layer:
    """The optical switches: which part, how many, and the circuits they hold."""

    part: Part
    count: int
    circuits: Circuits


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add leaves, spines and optical switches; see the module's text for counts.

    Raises:
        ConfigError: pods that are not whole leaves, or circuits that no block has ports for.
        InfeasibleError: it does not fit the switches, electrical or optical.
    """
    hardware = resolve_hardware(plan, options, lengths_m=LENGTHS_M)
    leaf_ports = host_ports(plan, options, hardware, options.leaf_nodes)
    leaves = math.ceil(plan.endpoints / leaf_ports)
    size, uplinks = _size(plan, options, hardware, leaves, leaf_ports)
    blocks = leaves if options.blocks == "leaves" else size.pods
    layer = None if blocks == 1 else _layer(plan.catalog, options, blocks, uplinks)
    leaf_of_port = np.arange(plan.endpoints) // leaf_ports
    pods = None
    if options.blocks == "pods":
        pods = graph.nodes(Kind.POD, size.pods)
        graph.place(graph.hosts, pods[(leaf_of_port // size.pod_leaves)[:: plan.nics]])
    within = np.arange(leaves)
    network = wire_clos(
        graph,
        "ocs",
        size,
        hardware,
        ports,
        leaf_of_port,
        leaf_parent=-1 if pods is None else pods[within // size.pod_leaves],
        leaf_ordinal=within if pods is None else within % size.pod_leaves,
        pod_rows=pods,
        reduces=options.in_network_reduction,
    )
    if layer is None:
        return network
    edge = graph.rows(Kind.LEAF if pods is None else Kind.SPINE)
    link = _link(plan, options, hardware, "leaf" if pods is None else "spine")
    return _join(graph, network, layer, edge[-blocks * max(1, size.spines) :], uplinks, link)


def _size(plan: Plan, options: Options, hardware: Hardware, leaves: int, leaf_ports: int) -> tuple[ClosSize, int]:
    """Return the counts below the optical switches, and the uplinks of a block."""
    unit = hardware.uplink_Bps / hardware.rate_Bps
    radix = hardware.radix
    leaf_o, spine_o = (pick(options.oversubscription, tier, 1.0) for tier in ("leaf", "spine"))
    up = ports_up(leaf_ports, leaf_o, unit)
    check_ports(options, leaf_ports + up * unit, radix["leaf"], "leaf", f"{leaf_ports} host ports and {up} uplinks")
    if options.blocks == "leaves":
        return ClosSize(1, leaves, 0, 1, 1, 0, 0, 0, 0, 0), up
    down = ports_down(radix["spine"], spine_o)
    pod_leaves = min(down, leaves)
    if options.pod_nodes is not None:
        pod_leaves, rest = divmod(options.pod_nodes * plan.nics, leaf_ports)
        if rest or not pod_leaves:
            raise ConfigError(
                f"a pod of {options.pod_nodes} nodes is not a whole number of leaves of {leaf_ports} host ports; "
                "set leaf_nodes to a divisor of pod_nodes",
                field="scale_out.pod_nodes",
            )
    check_ports(options, pod_leaves, down, "spine", f"links to {pod_leaves} leaves below (and as many as asked above)")
    room = int((radix["leaf"] - leaf_ports) / unit + 1e-9)
    spines, bundle = spread(up, pod_leaves, down, room, pick(options.bundle, "spine", 0), "spine")
    spine_up = ports_up(pod_leaves * bundle, spine_o)
    pods = math.ceil(leaves / pod_leaves)
    return ClosSize(1, leaves, spines * bundle, pod_leaves, pods, spines, bundle, 0, 0, 0), spines * spine_up


def _layer(catalog: Catalog, options: Options, blocks: int, uplinks: int) -> _Layer:
    """Choose the optical switches and lay out the circuits.

    Raises:
        ConfigError: a listed circuit names no block, or a block has more circuits than uplinks.
        InfeasibleError: too few ports for the blocks.
    """
    circuits = uniform_mesh(blocks, uplinks) if options.circuits is None else _given(options, blocks, uplinks)
    step = circuits.step
    if options.ocs is not None:
        known = [named_part(catalog, "ocs", options.ocs, "scale_out.ocs")]
    else:
        known = [part for part in catalog.parts("ocs") if part.has("price_usd") and _is_quick(part)]
    fitting = [(part, _count(part, blocks, uplinks, step)) for part in known]
    fitting = [(part, count) for part, count in fitting if count]
    if not fitting:
        most = max(known, key=usable_ports)
        raise InfeasibleError(
            f"scale_out.ocs: {blocks} blocks take {step * blocks} ports of each optical switch, "
            f"{most.id} has {usable_ports(most)}; use a larger one, or larger pods"
        )
    part, count = min(fitting, key=lambda one: one[1] * (one[0].si("price_usd") if one[0].has("price_usd") else 0.0))
    return _Layer(part, count, circuits)


def usable_ports(ocs: Part) -> int:
    """Return the ports of an optical switch that can be used: a few may be spares."""
    name = next((name for name in ("ports_usable", "ports") if ocs.has(name)), None)
    return int(ocs.si(name)) if name else 0


def _is_quick(ocs: Part) -> bool:
    """True where circuits can be moved while a job waits: not for robots that take minutes a fibre."""
    return ocs.has("reconfig_ms") and ocs.si("reconfig_ms") <= QUICK_S


def _count(ocs: Part, blocks: int, uplinks: int, step: int) -> int:
    """Return how many switches take every block's uplinks, the same number on each; 0 if they have too few ports."""
    each = usable_ports(ocs) // blocks // step
    return math.ceil(math.ceil(uplinks / step) / each) if each else 0


def _given(options: Options, blocks: int, uplinks: int) -> Circuits:
    wanted = options.circuits or []
    used = np.zeros(blocks, np.int64)
    for a, b, count in wanted:
        if max(a, b) >= blocks or a == b:
            what = f"block {max(a, b)}; there are 0 to {blocks - 1}" if a != b else f"block {a} with itself"
            raise ConfigError(f"[{a}, {b}, {count}] joins {what}", field="scale_out.circuits")
        used[[a, b]] += count
    if used.max(initial=0) > uplinks // 2 * 2:
        block = int(used.argmax())
        raise ConfigError(
            f"block {block} has {used[block]} circuits and {uplinks // 2 * 2} uplinks for them",
            field="scale_out.circuits",
        )
    return given_mesh(wanted, blocks)


def _link(plan: Plan, options: Options, hardware: Hardware, below: str) -> LinkClass:
    """Return what the fibres to the optical switches share: half of a link, with one module."""
    catalog, rate_Bps = plan.catalog, hardware.uplink_Bps
    length_m = pick(options.length, "core", LENGTHS_M["core"])
    asked = pick(options.medium, "core", "") or None
    if asked is None:
        asked = _one_pair_medium(catalog, rate_Bps, 2 * length_m)
    medium = choose_medium(catalog, rate_Bps, 2 * length_m, asked, "scale_out.medium")
    half_s = link_latency_s(catalog, medium, hardware.protocol, 2 * length_m) / 2
    return LinkClass(
        name=f"{below}-ocs",
        domain=hardware.links["leaf"].domain,
        protocol=hardware.protocol.id,
        rate_Bps=rate_Bps,
        latency_up_s=half_s,
        latency_down_s=half_s + hardware.latency_s[below],
        medium=medium.id,
        length_m=length_m,
        ends=1,
        lower_share=max(1, int(medium.si("rate_gbps_port") / rate_Bps + 1e-9)) if medium.has("rate_gbps_port") else 1,
    )


def _one_pair_medium(catalog: Catalog, rate_Bps: float, length_m: float) -> str | None:
    """Return the cheapest module, for a gigabit a second, that sends all its lanes through one fibre pair."""
    fitting = [
        part
        for part in catalog.parts("media")
        if part.text("interface") == "FR"
        and part.text("cls") == "dsp_pluggable"
        and part.has("price_usd")
        and part.si("rate_gbps_port") >= rate_Bps * (1 - 1e-9)
        and part.si_range("reach_m").high >= length_m
    ]
    return min(fitting, key=lambda m: (m.si("rate_gbps_port"), m.si("price_usd"))).id if fitting else None


def _join(
    graph: GraphBuilder,
    network: ScaleOut,
    layer: _Layer,
    edge: npt.NDArray[np.int32],
    uplinks: int,
    link: LinkClass,
) -> ScaleOut:
    """Add the optical switches and their fibres: a block's ports are spread over them in turn, its switches in runs."""
    last = network.tiers[-1]
    blocks = len(last.uplink_Bps)
    optical = graph.nodes(Kind.OCS, layer.count, part=layer.part)
    block, port = np.indices((blocks, uplinks)).reshape(2, -1)
    begin = graph.cable_count
    switch = edge.reshape(blocks, -1)
    each = uplinks // switch.shape[1]
    graph.cables(switch[block, port // each], optical[port // layer.circuits.step % layer.count], link)
    circuits = layer.circuits
    pairs = np.stack([circuits.a * uplinks + circuits.port_a, circuits.b * uplinks + circuits.port_b], axis=1) + begin
    up = replace(last, uplink_Bps=np.full(blocks, uplinks * link.rate_Bps))
    below = (*network.tiers[:-1], up)
    top_s = last.latency_s + link.latency_up_s + link.latency_down_s
    top = Tier("ocs", np.zeros(len(last.unit), np.int32), np.zeros(1), top_s)
    trunk_Bps = circuits.trunks(blocks).astype(np.float64) * link.rate_Bps
    return replace(
        network,
        tiers=(*below, top),
        bisection_Bps=mesh_cut_Bps(sides_Bps(below, network.rate_Bps), trunk_Bps),
        circuits=pairs.astype(np.int32),
    )
