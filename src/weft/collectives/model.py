"""How long a collective takes: every permitted algorithm and protocol is timed, the fastest is chosen, as NCCL does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

from weft.collectives import direct, halving_doubling, hierarchical, in_network, ring, tree
from weft.collectives.kinds import busbw, canonical, check_ranks
from weft.collectives.library import Library, library_for, load_library
from weft.collectives.timing import Line, lines
from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.fabric.group import CommGroup

if TYPE_CHECKING:
    from weft.catalog import Catalog

ALGORITHMS: dict[str, ModuleType] = {
    module.NAME: module for module in (ring, tree, halving_doubling, direct, hierarchical, in_network)
}
_NAMES = {
    "nvls": "in_network",
    "nvlstree": "in_network",
    "sharp": "in_network",
    "collnet": "in_network",
    "recursive": "halving_doubling",
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A collective's predicted time and what bounds it.

    Attributes:
        kind: the collective.
        size_bytes: nccl-tests' size column.
        ranks: members.
        algorithm: the one used.
        protocol: LL, LL128 or Simple.
        time_s: from call to completion.
        algbw_Bps: size / time.
        busbw_Bps: algbw by nccl-tests' factor.
        bound: link class that sets the wire time.
        latency_s: launch and hops.
        bandwidth_s: wire time at the bound, with pipeline filling; ``latency_s + bandwidth_s == time_s``.
    """

    kind: str
    size_bytes: float
    ranks: int
    algorithm: str
    protocol: str
    time_s: float
    algbw_Bps: float
    busbw_Bps: float
    bound: str
    latency_s: float
    bandwidth_s: float

    def at_least(self, time_s: float) -> Estimate:
        """The same collective where the host cannot issue calls faster than one every ``time_s``."""
        if time_s <= self.time_s:
            return self
        slower = self.time_s / time_s
        return replace(
            self,
            time_s=time_s,
            algbw_Bps=self.algbw_Bps * slower,
            busbw_Bps=self.busbw_Bps * slower,
            latency_s=self.latency_s + time_s - self.time_s,
        )


def algorithm_name(name: str) -> str:
    """Return the algorithm's name in Weft, accepting NCCL's (``NVLS``, ``Tree``).

    Raises:
        UnknownName: no algorithm answers to it.
    """
    key = name.strip().lower().replace("-", "_")
    key = _NAMES.get(key.replace("_", ""), key)
    if key != "auto" and key not in ALGORITHMS:
        raise UnknownName("algorithm", name, {*ALGORITHMS, "auto"})
    return key


def estimate(
    kind: str,
    size_bytes: float,
    group: CommGroup,
    *,
    library: Library | None = None,
    algorithm: str = "auto",
    catalog: Catalog | None = None,
) -> Estimate:
    """Predict one collective.

    Args:
        kind: one of `KINDS`, or nccl-tests' name for it.
        size_bytes: nccl-tests' size column; 0 costs the latency.
        group: the communicator on its fabric.
        library: whose constants apply; the accelerator's vendor's by default.
        algorithm: ``auto`` for the fastest the library would choose from, or one to force.
        catalog: where the library's constants are; the package's by default.

    Raises:
        ConfigError: a negative size, or a forced algorithm that can't serve this kind or group.
        InfeasibleError: nothing joins the ranks.
        UnknownName: no such kind or algorithm.
    """
    if library is None:
        library = load_library(library_for(group.accelerator), catalog)
    if not size_bytes >= 0:
        raise ConfigError(f"a collective's size cannot be {size_bytes}")
    name, options = _options(kind, group, library, algorithm)
    if not options:
        return Estimate(name, size_bytes, group.ranks, "none", "none", 0.0, 0.0, 0.0, "none", 0.0, 0.0)
    best, time_s = options[0], options[0].time_s(size_bytes)
    for line in options[1:]:
        if (t := line.time_s(size_bytes)) < time_s:
            best, time_s = line, t
    algbw = size_bytes / time_s if time_s > 0 else 0.0
    return Estimate(
        name,
        size_bytes,
        group.ranks,
        best.algorithm,
        best.protocol,
        time_s,
        algbw,
        busbw(name, size_bytes, group.ranks, time_s),
        best.bound,
        best.latency_s,
        time_s - best.latency_s,
    )


@lru_cache(maxsize=4096)
def _options(kind: str, group: CommGroup, library: Library, algorithm: str) -> tuple[str, tuple[Line, ...]]:
    """Every (algorithm, protocol) that applies, as lines over size; none for a single rank."""
    name, chosen = canonical(kind), algorithm_name(algorithm)
    check_ranks(name, group.ranks)
    if group.ranks == 1:
        return name, ()
    if chosen != "auto":
        module = ALGORITHMS[chosen]
        if name not in module.KINDS:
            able = [a for a, m in ALGORITHMS.items() if name in m.KINDS]
            raise ConfigError(f"{chosen} has no {name}; these have: {', '.join(able)}")
        forced = lines(module.cost(name, group), group, library)
        if not forced:
            raise ConfigError(f"{library.name} has no {chosen} on {group.accelerator}, or its network has no bandwidth")
        return name, forced
    found: list[Line] = []
    for each in library.choices[name]:
        module = ALGORITHMS[each]
        if name not in module.KINDS:
            continue
        try:
            cost = module.cost(name, group)
        except ConfigError:
            continue  # this algorithm doesn't fit this group
        found.extend(lines(cost, group, library))
    if not found:
        raise InfeasibleError(f"{library.name} cannot run {name} on {group.ranks} ranks: no network joins them all")
    return name, tuple(found)
