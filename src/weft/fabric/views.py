"""Friendly views over rows: made when asked for, holding nothing but the fabric and a row number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import Kind, LinkClass

if TYPE_CHECKING:
    from weft.catalog import Part
    from weft.fabric.fabric import Fabric


@dataclass(frozen=True, slots=True, repr=False)
class NodeView:
    """One node."""

    fabric: Fabric
    row: int

    @property
    def name(self) -> str:
        """Its path, such as ``pod0/host7/gpu2``."""
        return self.fabric.node_name(self.row)

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind(int(self.fabric.nodes.kind[self.row]))

    @property
    def part(self) -> Part | None:
        """Its catalog part; None for places."""
        index = int(self.fabric.nodes.part[self.row])
        return None if index < 0 else self.fabric.parts[index]

    @property
    def parent(self) -> NodeView | None:
        """The place that holds it; None at the top."""
        row = int(self.fabric.nodes.parent[self.row])
        return None if row < 0 else NodeView(self.fabric, row)

    @property
    def children(self) -> list[NodeView]:
        """What is inside it."""
        return [NodeView(self.fabric, int(row)) for row in np.flatnonzero(self.fabric.nodes.parent == self.row)]

    @property
    def link_rows(self) -> npt.NDArray[np.int64]:
        """Rows of the directed links that leave it."""
        indptr, links = self.fabric.csr
        return links[indptr[self.row] : indptr[self.row + 1]]

    @property
    def links(self) -> list[LinkView]:
        """The directed links that leave it."""
        return [LinkView(self.fabric, int(row)) for row in self.link_rows]

    @property
    def neighbors(self) -> list[NodeView]:
        """The nodes it has a link to, each once."""
        return [NodeView(self.fabric, int(row)) for row in np.unique(self.fabric.links.dst[self.link_rows])]

    def __repr__(self) -> str:
        part = f" {self.part.id}" if self.part else ""
        return f"<{self.kind.label}{part} {self.name!r}, {len(self.link_rows)} links>"


@dataclass(frozen=True, slots=True, repr=False)
class LinkView:
    """One directed link."""

    fabric: Fabric
    row: int

    @property
    def src(self) -> NodeView:
        """Where it starts."""
        return NodeView(self.fabric, int(self.fabric.links.src[self.row]))

    @property
    def dst(self) -> NodeView:
        """Where it ends."""
        return NodeView(self.fabric, int(self.fabric.links.dst[self.row]))

    @property
    def link_class(self) -> LinkClass:
        """Rate, latency and medium, which it shares with its like."""
        return self.fabric.links.classes[int(self.fabric.links.link_class[self.row])]

    @property
    def cable(self) -> int:
        """Number of the cable it is one direction of."""
        return self.row // 2

    def __repr__(self) -> str:
        return f"<link {self.src.name!r} -> {self.dst.name!r}, {self.link_class.name}>"
