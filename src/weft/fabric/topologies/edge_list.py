"""A custom graph, read from a file that lists its links: any network of switches at all.

Counts are the file's: see `weft.fabric.edge_file` for its lines. Switches called leaf0, spine1, core2 and so on become
leaves, spines and cores; other names make all of them routers, numbered by their first appearance
(``Fabric.network.switch_names`` keeps the names). Hosts stand where the file puts them, line by line, or else fill the
switches that ``attach`` names in node order, p NICs on each. Bisection: the maximum flow between the first and the
second half of the host ports, exact. Coordinates: none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError, InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.clos_options import pick
from weft.fabric.direct import Shape, hosts_per_router, wire_at
from weft.fabric.direct_options import LENGTHS_M, DirectHardware, DirectOptions, check_size, link_class, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.edge_file import EdgeFile, read_edges
from weft.fabric.max_flow import halves_Bps
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import IntArray, Kind

_KNOWN = re.compile(r"(leaf|spine|core|router)(0|[1-9]\d{0,8})$")


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: edge_list``."""

    file: str = Field(min_length=1, description="the list of links, relative to the cluster file")
    attach: list[str] | None = Field(
        None, description="switches with hosts, in order, * for any text; default: those called leaf…, else all"
    )


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the switches and cables of the file.

    Raises:
        ConfigError: a line is wrong, a host has no link or several, or two hosts have no way to each other.
        InfeasibleError: too few host ports, or more links than a switch has ports.
    """
    edges = read_edges(plan.cluster.folder / options.file)
    switches = len(edges.switches)
    check_size(switches, sum(edge.count for edge in edges.edges))
    hardware = resolve_direct(plan, options)
    at = _listed_hosts(plan, options, edges) if edges.hosts else _spread_hosts(plan, options, edges)
    kind, ordinal = _kinds(edges.switches)
    cables = _cables(plan, options, edges, hardware, kind)
    _check_ports(edges, cables, at, hardware)
    _check_joined(plan, edges, cables, at)
    shape = Shape(
        switches,
        cables,
        halves_Bps(cables, switches, at, hardware.rate_Bps),
        kind=kind,
        tier=Kind(int(kind[at[0]])).label,
        ordinal=ordinal,
        names=edges.switches,
    )
    return wire_at(graph, "edge_list", shape, hardware, ports, at)


def _kinds(names: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    """Return the kind and the number of every switch: by their names, if all are of the known form."""
    matches = [_KNOWN.match(name) for name in names]
    if all(matches):
        pairs = [(int(Kind[match[1].upper()]), int(match[2])) for match in matches if match]
        kind, ordinal = np.array(pairs, np.int64).T
        return kind, ordinal
    return np.full(len(names), int(Kind.ROUTER)), np.arange(len(names))


def _cables(plan: Plan, options: Options, edges: EdgeFile, hardware: DirectHardware, kind: IntArray) -> list[Cables]:
    """Return the links, one class for each pair of kinds, rate and length; the lower kind's end first."""
    length_m = pick(options.length, "local", LENGTHS_M["local"])
    classes: dict[tuple[int, int, float, float], list[tuple[int, int, int]]] = defaultdict(list)
    for edge in edges.edges:
        a, b = sorted((edge.a, edge.b), key=lambda end: int(kind[end]))
        rate_Bps = hardware.uplink_Bps if edge.rate_Bps is None else edge.rate_Bps
        key = (int(kind[a]), int(kind[b]), rate_Bps, length_m if edge.length_m is None else edge.length_m)
        classes[key].append((a, b, edge.count))
    medium = pick(options.medium, "local", "") or None
    cables = []
    for (low, high, rate_Bps, length), links in classes.items():
        a, b, count = np.array(links, np.int64).T
        name = f"{Kind(low).label}-{Kind(high).label}"
        link = link_class(plan, hardware.protocol, name, rate_Bps, length, medium, hardware.latency_s, False)
        cables.append(Cables(np.repeat(a, count), np.repeat(b, count), link))
    return cables


def _spread_hosts(plan: Plan, options: Options, edges: EdgeFile) -> IntArray:
    """Return the switch of every NIC: the named ones filled in node order.

    Raises:
        ConfigError: no switch has such a name.
        InfeasibleError: they have too few host ports.
    """
    names = edges.switches
    leaves = [number for number, name in enumerate(names) if name.startswith("leaf")]
    chosen = leaves or list(range(len(names)))
    if options.attach is not None:
        chosen = []
        for pattern in options.attach:
            found = [number for number, name in enumerate(names) if fnmatchcase(name, pattern)]
            if not found:
                known = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
                raise ConfigError(
                    f"no switch is called {pattern!r}; {edges.path} has {known}", field="scale_out.attach"
                )
            chosen += [number for number in found if number not in chosen]
    p = hosts_per_router(plan.endpoints, len(chosen), options.p, "attach more switches or raise p")
    return np.array(chosen)[np.arange(plan.endpoints) // p]


def _listed_hosts(plan: Plan, options: Options, edges: EdgeFile) -> IntArray:
    """Return the switch of every NIC, as the file's lines say.

    Raises:
        ConfigError: a NIC that is not there, has several links, or none.
    """
    for name in ("attach", "p"):
        if getattr(options, name) is not None:
            raise ConfigError(f"{edges.path} says where hosts stand; leave {name} out", field=f"scale_out.{name}")
    at = np.full((plan.nodes, plan.nics), -1)
    for line in edges.hosts:
        if line.node >= plan.nodes or (line.nic or 0) >= plan.nics:
            what = f"host{line.node}" if line.nic is None else f"host{line.node}/nic{line.nic}"
            raise ConfigError(
                f"there is no {what}; there are host0 to host{plan.nodes - 1} with {plan.nics} NICs each",
                file=edges.path,
                line=line.line,
            )
        place = at[line.node] if line.nic is None else at[line.node, line.nic : line.nic + 1]
        if (place >= 0).any():
            raise ConfigError(f"host{line.node} has a link for this NIC already", file=edges.path, line=line.line)
        place[:] = line.switch
    if (at < 0).any():
        node, nic = np.argwhere(at < 0)[0]
        raise ConfigError(f"{np.count_nonzero(at < 0)} NICs have no link, host{node}/nic{nic} first", file=edges.path)
    return at.ravel()


def _check_ports(edges: EdgeFile, cables: list[Cables], at: IntArray, hardware: DirectHardware) -> None:
    """Refuse a switch with more links than ports.

    Raises:
        InfeasibleError: names the fullest.
    """
    needed = np.bincount(at, minlength=len(edges.switches)).astype(np.float64)
    for some in cables:
        for end in (some.a, some.b):
            needed += np.bincount(end, minlength=len(needed)) * some.link.rate_Bps / hardware.rate_Bps
    fullest = int(needed.argmax())
    ports = int(np.ceil(needed[fullest] - 1e-9))
    if ports > hardware.radix:
        raise InfeasibleError(
            f"{edges.path}: {edges.switches[fullest]!r} needs {ports:,} ports, {hardware.switch.name} has "
            f"{hardware.radix}; take links off it or name a larger switch"
        )


def _check_joined(plan: Plan, edges: EdgeFile, cables: list[Cables], at: IntArray) -> None:
    """Refuse a network in which some host cannot reach another; NICs of one node are joined by the node.

    Raises:
        ConfigError: names two switches with no way between them.
    """
    first = at.reshape(plan.nodes, plan.nics)
    a = np.concatenate([np.repeat(first[:, 0], plan.nics), *(some.a for some in cables)])
    b = np.concatenate([first.ravel(), *(some.b for some in cables)])
    label = np.arange(len(edges.switches))
    while True:
        before = label.copy()
        np.minimum.at(label, a, label[b])
        np.minimum.at(label, b, label[a])
        label = label[label]
        if np.array_equal(label, before):
            break
    apart = at[label[at] != label[at[0]]]
    if len(apart):
        raise ConfigError(
            f"there is no way from {edges.switches[at[0]]!r} to {edges.switches[apart[0]]!r}, which both have hosts",
            file=edges.path,
        )
