"""Collectives on fabrics, packet by packet, for tests: made as the fluid engine's tests make theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluid_cases import bench, library

from weft.collectives import load_library
from weft.engines.packet.bench import PacketBench
from weft.engines.packet.presets import preset
from weft.engines.packet.samples import Sampling
from weft.engines.scenario import Scenario
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing


def packets(
    fabric: Fabric,
    kind: str,
    ranks: Sequence[int],
    *sizes: float,
    algorithm: str = "auto",
    scenario: dict[str, Any] | None = None,
    named: str = "",
    transport: str = "uec_nscc",
    sampling: Sampling | None = None,
    **routing: Any,
) -> PacketBench:
    """A collective on some ranks; by the vendor's library unless another is named."""
    return PacketBench(
        fabric,
        kind,
        sizes,
        ranks,
        library=load_library(named, fabric.catalog) if named else library(fabric),
        algorithm=algorithm,
        routing=Routing(**routing) if routing else None,
        scenario=Scenario.model_validate(scenario) if scenario else None,
        transport=preset(transport),
        sampling=sampling,
    )


def three(
    fabric: Fabric, kind: str, ranks: Sequence[int], size: float, algorithm: str, **options: Any
) -> tuple[float, float, float]:
    """Seconds by packets, by the fluid engine, and in closed form; asserts that no packet was lost or trimmed."""
    run = packets(fabric, kind, ranks, size, algorithm=algorithm, **options)
    found = run.run(size)
    told = run.outcome().to_dict()
    assert (told["dropped"], told["lost"], told["unfinished"]["flows"]) == (0, 0, 0)
    options.pop("transport", None)
    fluid = bench(fabric, kind, ranks, size, algorithm=algorithm, **options).run(size)
    return found.time_s, fluid.time_s, run.closed_form(size).time_s
