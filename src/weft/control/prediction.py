"""What a collective takes on a network in a given state: the fluid engine, without any library's overheads.

The twin asks it before and after a change. For a lab, whose rates are the design's divided by a factor, sizes are
multiplied by that factor instead: where bytes decide, as they do in a lab, a step takes the same time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from weft.collectives.library import IDEAL
from weft.engines.fluid.bench import FluidBench
from weft.engines.scenario import Fault, Scenario
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.underlay import Underlay

#: By collective, the algorithm that gloo has for it: rings in chunks, and every pair at once.
GLOO = {"all_reduce": "ring", "all_gather": "ring", "all_to_all": "direct"}

Way = Sequence[str]


def collective_s(
    underlay: Underlay,
    kind: str,
    size_bytes: float,
    ranks: Sequence[int],
    *,
    algorithm: str | None = None,
    dead: Collection[int] = (),
    slow: Mapping[int, float] | None = None,
    ways: Iterable[Way] | None = None,
) -> float:
    """Return what one collective takes, in seconds.

    Args:
        underlay: the network.
        kind: collective.
        size_bytes: its size, as `weft bench` counts.
        ranks: accelerators, in the order of the ring.
        algorithm: default as gloo does it.
        dead: cables that are down and that routing knows to be, numbered as the fabric does.
        slow: by cable, what is left of its rate.
        ways: hostnames of the switches on the way of each flow whose path is known, all others are hashed; those of a
            pair of switches with several share its traffic evenly. None to hash all.

    Raises:
        ConfigError: no such collective, or a way that the network does not have.
        InfeasibleError: what is dead cuts ranks off.
    """
    left = dict.fromkeys(dead, 0.0) | dict(slow or {})
    scenario = Scenario(faults=[_fault(underlay.fabric, cable, share) for cable, share in left.items()])
    with tempfile.TemporaryDirectory() as folder:
        routing = Routing(policy="ecmp")
        if ways is not None:
            path = Path(folder, "ways.csv")
            path.write_text("".join(f"{line}\n" for line in _lines(underlay, ways)))
            routing = Routing(policy="static", paths=str(path))
        bench = FluidBench(
            underlay.fabric,
            kind,
            [size_bytes],
            ranks,
            library=IDEAL,
            algorithm=algorithm or GLOO.get(kind, "auto"),
            routing=routing,
            scenario=scenario,
        )
        return bench.run(size_bytes).time_s


def _lines(underlay: Underlay, ways: Iterable[Way]) -> list[str]:
    """Return ways as `weft.routing.static` reads them; of those over a single switch there is nothing to say."""
    found = []
    for way in ways:
        names = [underlay.device(name).name for name in way]
        if len(names) > 2:
            found.append(f"{names[0]},{names[-1]},{' '.join(names[1:-1])}")
        elif len(names) == 2:
            found.append(f"{names[0]},{names[1]},")
    return found


def _fault(fabric: Fabric, cable: int, share: float) -> Fault:
    """Return a scenario's fault for a cable, which it names by its ends and its place among those between them."""
    lower, upper = fabric.links.src[::2], fabric.links.dst[::2]
    if not 0 <= cable < len(lower):
        raise ConfigError(f"cables are numbered 0 to {len(lower) - 1}, not {cable}")
    ends = int(lower[cable]), int(upper[cable])
    between = np.flatnonzero((lower == ends[0]) & (upper == ends[1]) | (lower == ends[1]) & (upper == ends[0]))
    names = fabric.node_name(ends[0]), fabric.node_name(ends[1])
    place = between.tolist().index(cable)
    return Fault.model_validate({"link": names, "cable": place, "rate": share, "reroute": "0s"})
