"""Shared by the fluid engine's tests: the example clusters, small clusters, and collectives timed on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from weft.collectives import Library, library_for, load_library
from weft.engines.fluid.bench import FluidBench
from weft.engines.scenario import Scenario
from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Cluster, Fabric, build_fabric, load_cluster
from weft.fabric.routing_options import Routing

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@cache
def example(name: str) -> Fabric:
    """The cluster of an example: ``small``, ``topologies/torus``."""
    path = EXAMPLES / name
    return build_fabric(load_cluster(path / "cluster.yaml" if path.is_dir() else path.with_suffix(".yaml")))


def examples() -> list[str]:
    """The names of all clusters of several nodes among the examples."""
    single = [path.stem for path in (EXAMPLES / "topologies").glob("*.yaml")]
    whole = [path.parent.name for path in EXAMPLES.glob("*/cluster.yaml") if load_cluster(path).nodes > 1]
    return sorted([f"topologies/{name}" for name in single] + whole)


@cache
def cluster(nodes: int, topology: str = "leaf_spine", **scale_out: Any) -> Fabric:
    """DGX H100 on 400G InfiniBand, unless said otherwise."""
    network = {"topology": topology, "protocol": "infiniband", **scale_out}
    return build_fabric(Cluster.model_validate({"nodes": nodes, "node": {"system": "dgx_h100"}, "scale_out": network}))


def library(fabric: Fabric) -> Library:
    """The vendor's."""
    return load_library(library_for(fabric.accelerator), fabric.catalog)


def bench(
    fabric: Fabric,
    kind: str,
    ranks: Sequence[int],
    *sizes: float,
    algorithm: str = "auto",
    scenario: dict[str, Any] | None = None,
    named: str = "",
    **routing: Any,
) -> FluidBench:
    """A collective on some ranks, with paths; by the vendor's library unless another is named."""
    return FluidBench(
        fabric,
        kind,
        sizes,
        ranks,
        library=load_library(named, fabric.catalog) if named else library(fabric),
        algorithm=algorithm,
        routing=Routing(**routing) if routing else None,
        scenario=Scenario.model_validate(scenario) if scenario else None,
    )


def times(
    fabric: Fabric, kind: str, ranks: Sequence[int], algorithm: str, sizes: Sequence[float], **routing: Any
) -> Iterator[tuple[float, float]]:
    """(fluid engine's, closed form's) seconds for each size; nothing where the algorithm does not fit the ranks."""
    try:
        run = bench(fabric, kind, ranks, *sizes, algorithm=algorithm, **routing)
    except (ConfigError, InfeasibleError):
        return
    for size in sizes:
        yield run.run(size).time_s, run.closed_form(size).time_s
