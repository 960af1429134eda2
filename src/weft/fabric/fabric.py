"""The fabric: an immutable graph of arrays, with friendly views over its rows."""

from __future__ import annotations

from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.group import CommGroup, Level
from weft.fabric.locality import Locality, Ranks
from weft.fabric.names import name_of, row_of
from weft.fabric.other_networks import OtherNetwork
from weft.fabric.placement import Placement
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut, bisection_Bps
from weft.fabric.tables import SWITCHES, Domain, Kind, LinkClass, LinkTable, NodeTable, csr
from weft.fabric.views import NodeView
from weft.units import format_count, format_rate


class Fabric:
    """A cluster's network. Make one with `weft.fabric.build_fabric`.

    Attributes:
        plan: the cluster it was built from, every blank filled.
        nodes: node columns.
        links: directed link columns.
        parts: catalog parts, as ``nodes.part`` numbers them.
        network: the scale-out network's tiers.
        placement: where everything stands; None without a floor plan.
        others: the front-end and storage networks, whose nodes come after all others.
    """

    def __init__(
        self,
        plan: Plan,
        nodes: NodeTable,
        links: LinkTable,
        parts: tuple[Part, ...],
        network: ScaleOut,
        placement: Placement | None = None,
        others: tuple[OtherNetwork, ...] = (),
    ) -> None:
        self.plan, self.nodes, self.links, self.parts, self.network = plan, nodes, links, parts, network
        self.placement, self.others = placement, others

    # --- what it is

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.plan.cluster.name

    @property
    def catalog(self) -> Catalog:
        """The catalog it was built from."""
        return self.plan.catalog

    @property
    def accelerators(self) -> int:
        """How many accelerators."""
        return self.plan.accelerators

    @property
    def accelerator(self) -> str:
        """Catalog id of the accelerator."""
        return self.plan.accelerator.id

    @property
    def endpoints(self) -> int:
        """How many scale-out host ports (NICs)."""
        return self.plan.endpoints

    @cached_property
    def by_kind(self) -> dict[str, int]:
        """Node rows by kind, such as ``{"accelerator": 16, "leaf": 2}``, without the front-end and storage networks."""
        return self.kinds_in(0, self.others[0].rows[0] if self.others else len(self.nodes))

    def kinds_in(self, first: int, end: int) -> dict[str, int]:
        """Return the nodes by kind among some rows."""
        counts = np.bincount(self.nodes.kind[first:end], minlength=len(Kind))
        return {kind.label: int(counts[kind]) for kind in Kind if counts[kind]}

    @property
    def switches(self) -> int:
        """How many scale-out switches."""
        return sum(self.by_kind.get(kind.label, 0) for kind in SWITCHES)

    @property
    def link_classes(self) -> tuple[LinkClass, ...]:
        """What the links share, with the number of cables of each class."""
        return self.links.classes

    def cables(self, domain: Domain = Domain.SCALE_OUT, *, between_switches: bool = False) -> int:
        """Return how many cables a domain has; ``between_switches`` leaves out those to hosts."""
        classes = [c for c in self.link_classes if c.domain == domain]
        return sum(c.whole_cables for c in classes if not (between_switches and c.name.startswith("nic-")))

    @cached_property
    def by_medium(self) -> dict[str, int]:
        """Scale-out cables by medium."""
        counts: dict[str, int] = {}
        for link in self.link_classes:
            if link.domain == Domain.SCALE_OUT and link.medium:
                counts[link.medium] = counts.get(link.medium, 0) + link.whole_cables
        return counts

    @cached_property
    def bisection_Bps(self) -> float:
        """One-way bandwidth between two halves of the host ports; see `weft.fabric.scale_out.bisection_Bps`."""
        return bisection_Bps(self.network) if self.network.tiers else 0.0

    # --- who talks to whom

    @cached_property
    def locality(self) -> Locality:
        """Which unit every accelerator is in, level by level."""
        return Locality(self.plan, self.network)

    def group(self, ranks: Ranks) -> CommGroup:
        """Return what a communicator of these accelerators sees of the fabric; see `Locality.group`."""
        return self.locality.group(ranks)

    def p2p(self, a: int, b: int) -> Level:
        """Return the level over which two accelerators talk; see `Locality.p2p`."""
        return self.locality.p2p(a, b)

    # --- rows and views

    def node(self, which: str | int) -> NodeView:
        """Return a view of one node, by name (``"pod0/host7/gpu2"``) or row.

        Raises:
            ConfigError: there is no such node.
        """
        if isinstance(which, str):
            return NodeView(self, row_of(self.nodes, which))
        if not 0 <= which < len(self.nodes):
            raise ConfigError(f"there is no node row {which}; rows are 0 to {len(self.nodes) - 1}")
        return NodeView(self, int(which))

    def node_name(self, row: int) -> str:
        """Return the name of a node row."""
        return name_of(self.nodes, row)

    def rows(self, kind: Kind) -> npt.NDArray[np.int64]:
        """Return the rows of one kind, in order; accelerators are node-major."""
        return np.flatnonzero(self.nodes.kind == kind)

    @cached_property
    def csr(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Links out of every node: ``links[indptr[v]:indptr[v + 1]]`` are the link rows that leave node ``v``."""
        return csr(self.links.src, len(self.nodes))

    def to_tables(self) -> dict[str, dict[str, npt.NDArray[Any] | list[Any]]]:
        """Return ``{"nodes": columns, "links": columns, "link_classes": columns}``, units in the column names."""
        nodes, links = self.nodes, self.links
        kinds = np.array([kind.label for kind in Kind])
        parts = np.array([part.id for part in self.parts] + [""])
        classes: dict[str, npt.NDArray[Any] | list[Any]] = {
            field: [getattr(c, field) for c in links.classes]
            for field in (
                "name",
                "protocol",
                "rate_Bps",
                "latency_up_s",
                "latency_down_s",
                "medium",
                "length_m",
                "cables",
            )
        }
        classes["domain"] = [c.domain.label for c in links.classes]
        return {
            "nodes": {
                "kind": kinds[nodes.kind],
                "part": parts[nodes.part],
                "parent": nodes.parent,
                "ordinal": nodes.ordinal,
                "rail": nodes.rail,
            },
            "links": {
                "src": links.src,
                "dst": links.dst,
                "link_class": links.link_class,
                "rate_Bps": links.rate_Bps,
                "latency_s": links.latency_s,
                "length_m": links.length_m,
            },
            "link_classes": classes,
        }

    # --- how it looks

    def __repr__(self) -> str:
        counts = ", ".join(f"{format_count(count)} {kind}" for kind, count in self.by_kind.items())
        return f"<Fabric {self.name!r}: {counts}; {format_count(self.cables())} scale-out cables>"

    def _repr_html_(self) -> str:
        rows = [(kind.replace("_", " "), format_count(count)) for kind, count in self.by_kind.items()]
        rows += [
            (f"{c.name} cables", f"{format_count(c.cables)} × {format_rate(c.rate_Bps)}") for c in self.link_classes
        ]
        rows.append(("bisection", format_rate(self.bisection_Bps)))
        body = "".join(f"<tr><td>{escape(a)}</td><td style='text-align:right'>{escape(b)}</td></tr>" for a, b in rows)
        return f"<b>{escape(self.name)}</b>: {escape(self.network.topology)}<table>{body}</table>"
