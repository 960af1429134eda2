"""How long a collective takes: every permitted algorithm and protocol is timed, the fastest is chosen, as NCCL does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

from weft.collectives import (
    bruck,
    bucket,
    direct,
    halving_doubling,
    hierarchical,
    in_network,
    pat,
    ring,
    tree,
    two_level,
)
from weft.collectives.cost import Cost
from weft.collectives.kinds import busbw, canonical, check_ranks
from weft.collectives.library import PROTOCOLS, Library, library_for, load_library
from weft.collectives.timing import Line, StageRates, lines, stage_rates
from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.fabric.group import CommGroup

if TYPE_CHECKING:
    from weft.catalog import Catalog
    from weft.collectives.flows import Flows
    from weft.collectives.layout import Layout

ALGORITHMS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        ring,
        tree,
        halving_doubling,
        direct,
        hierarchical,
        in_network,
        bruck,
        pat,
        bucket,
        two_level,
    )
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

    def taking(self, time_s: float, delay_s: float) -> Estimate:
        """The same collective, simulated: the time it took, of which so much is before the first byte arrives."""
        return replace(
            self,
            time_s=time_s,
            algbw_Bps=self.size_bytes / time_s if time_s > 0 else 0.0,
            busbw_Bps=busbw(self.kind, self.size_bytes, self.ranks, time_s),
            latency_s=min(time_s, delay_s),
            bandwidth_s=max(0.0, time_s - delay_s),
        )

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


@dataclass(frozen=True, slots=True)
class Choice:
    """How a collective is done: the algorithm and protocol that a library takes at some size.

    Attributes:
        kind: the collective.
        group: who.
        library: whose constants apply.
        line: time over size.
        cost: the algorithm's closed form.
    """

    kind: str
    group: CommGroup
    library: Library
    line: Line
    cost: Cost

    @property
    def algorithm(self) -> str:
        """Its name; ``none`` for a single rank."""
        return self.line.algorithm

    @property
    def protocol(self) -> str:
        """LL, LL128 or Simple; ``none`` for a single rank."""
        return self.line.protocol

    def flows(self, layout: Layout) -> tuple[Flows, ...]:
        """The real transfers on a layout of this group (and of others like it), one item for each stage of the cost."""
        if not self.cost.stages:
            return ()
        found: tuple[Flows, ...] = ALGORITHMS[self.algorithm].flows(self.kind, layout)
        return found

    def rates(self, stage: int) -> StageRates:
        """What the library makes of one stage of the cost."""
        return stage_rates(stage, self.cost, self.group, self.library, PROTOCOLS.index(self.protocol))


_NOTHING = (Line("none", "none", 0.0, 0.0, "none", 0.0, 0.0, 0.0), Cost("none", (), ()))


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
    choice = choose(kind, size_bytes, group, library=library, algorithm=algorithm, catalog=catalog)
    line, time_s = choice.line, choice.line.time_s(size_bytes)
    return Estimate(
        choice.kind,
        size_bytes,
        group.ranks,
        line.algorithm,
        line.protocol,
        time_s,
        size_bytes / time_s if time_s > 0 else 0.0,
        busbw(choice.kind, size_bytes, group.ranks, time_s),
        line.bound,
        line.latency_s,
        time_s - line.latency_s,
    )


def choose(
    kind: str,
    size_bytes: float,
    group: CommGroup,
    *,
    library: Library | None = None,
    algorithm: str = "auto",
    catalog: Catalog | None = None,
) -> Choice:
    """Choose how one collective is done; arguments and errors are those of `estimate`."""
    if library is None:
        library = load_library(library_for(group.accelerator), catalog)
    if not size_bytes >= 0:
        raise ConfigError(f"a collective's size cannot be {size_bytes}")
    name, options = _options(kind, group, library, algorithm)
    best, time_s = options[0], options[0][0].time_s(size_bytes)
    for option in options[1:]:
        if (t := option[0].time_s(size_bytes)) < time_s:
            best, time_s = option, t
    return Choice(name, group, library, *best)


@lru_cache(maxsize=4096)
def _options(
    kind: str, group: CommGroup, library: Library, algorithm: str
) -> tuple[str, tuple[tuple[Line, Cost], ...]]:
    """Every (algorithm, protocol) that applies, as lines over size, with the algorithm's closed form."""
    name, chosen = canonical(kind), algorithm_name(algorithm)
    check_ranks(name, group.ranks)
    if group.ranks == 1:
        return name, (_NOTHING,)
    if chosen != "auto":
        module = ALGORITHMS[chosen]
        if name not in module.KINDS:
            able = [a for a, m in ALGORITHMS.items() if name in m.KINDS]
            raise ConfigError(f"{chosen} has no {name}; these have: {', '.join(able)}")
        cost = module.cost(name, group)
        forced = tuple((line, cost) for line in lines(cost, group, library))
        if not forced:
            raise ConfigError(f"{library.name} has no {chosen} on {group.accelerator}, or its network has no bandwidth")
        return name, forced
    found: list[tuple[Line, Cost]] = []
    for each in library.choices[name]:
        module = ALGORITHMS[each]
        if name not in module.KINDS:
            continue
        try:
            cost = module.cost(name, group)
        except ConfigError:
            continue  # this algorithm doesn't fit this group
        found.extend((line, cost) for line in lines(cost, group, library))
    if not found:
        raise InfeasibleError(f"{library.name} cannot run {name} on {group.ranks} ranks: no network joins them all")
    return name, tuple(found)
