"""The graph as two tables that stand alone: nodes by name, one row a cable between two names."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from weft.fabric import Fabric, Kind

Columns = dict[str, npt.NDArray[Any]]


def node_names(fabric: Fabric) -> npt.NDArray[np.str_]:
    """Return the name of every node row, such as ``pod0/host7/gpu2``: whole columns at a time."""
    nodes = fabric.nodes
    prefix = np.array([kind.prefix for kind in Kind])
    own = np.char.add(prefix[nodes.kind], nodes.ordinal.astype(str))
    names, above = own, nodes.parent.copy()
    while (inside := above >= 0).any():
        longer = np.char.add(np.char.add(own[above[inside]], "/"), names[inside])
        names = names.astype(np.promote_types(names.dtype, longer.dtype))
        names[inside] = longer
        above[inside] = nodes.parent[above[inside]]
    return names


def node_columns(fabric: Fabric) -> Columns:
    """Return one row a node: name, kind, part, parent's name, rail."""
    nodes, names = fabric.nodes, node_names(fabric)
    kinds = np.array([kind.label for kind in Kind])
    parts = np.array([*(part.id for part in fabric.parts), ""])
    return {
        "name": names,
        "kind": kinds[nodes.kind],
        "part": parts[nodes.part],
        "parent": np.where(nodes.parent >= 0, names[nodes.parent], ""),
        "rail": nodes.rail,
    }


def link_columns(fabric: Fabric, names: npt.NDArray[np.str_]) -> Columns:
    """Return one row a cable: both ends' names, and what its class says, SI units in the names."""
    links = fabric.links
    index = links.link_class[::2]
    columns: Columns = {"a": names[links.src[::2]], "b": names[links.dst[::2]]}
    for field in (
        "name",
        "protocol",
        "rate_Bps",
        "latency_up_s",
        "latency_down_s",
        "medium",
        "length_m",
    ):
        label = "link_class" if field == "name" else field
        columns[label] = np.array([getattr(each, field) for each in links.classes])[index]
    columns["domain"] = np.array([each.domain.label for each in links.classes])[index]
    return columns
