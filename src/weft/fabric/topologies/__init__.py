"""Topologies, one file each. A file here is found by its name; nothing else needs to know of it.

A topology file has

- a docstring: what is joined to what, how many switches and cables that takes, its bisection, and the source;
- ``Options``: a `weft.files.Strict` model of what a user may write under ``scale_out`` beside ``topology``;
- ``build(plan, options, graph, ports) -> ScaleOut``: adds switches and cables to the graph (ports: int32[nodes, nics],
  the NIC rows) and says who shares which tier.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from weft.errors import UnknownName
from weft.fabric.builder import GraphBuilder
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.files import Strict


class Topology(Protocol):
    """What a topology file offers."""

    Options: type[Strict]

    def build(self, plan: Plan, options: Any, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
        """Add the network between ``ports`` to the graph."""
        ...


def names() -> list[str]:
    """Return the names of all topologies, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def get(name: str) -> Topology:
    """Return a topology by name; ``leaf-spine`` and ``leaf_spine`` are the same.

    Raises:
        UnknownName: there is no such topology; suggests the nearest.
    """
    module = name.replace("-", "_")
    if module not in names():
        raise UnknownName("topology", name, names(), field="scale_out.topology")
    found: Any = import_module(f"{__name__}.{module}")
    return found  # type: ignore[no-any-return]
