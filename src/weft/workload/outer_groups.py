"""Which accelerators train apart: the outer groups of local SGD, on consecutive accelerators, each on one site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import gcd

from weft.errors import ConfigError
from weft.workload.mapping import Mapping
from weft.workload.spec import Outer


def grouped(mapping: Mapping, outer: Outer | None, sites: Sequence[int] = ()) -> Mapping:
    """Split a job's data parallelism over its outer groups; as it is where there are none.

    Args:
        mapping: of the job as a whole.
        outer: what the job asks for.
        sites: accelerators at each site, where there are several.

    Raises:
        ConfigError: there are no sites, they are unequal, a group would lie on two, or degrees do not divide.
    """
    if outer is None:
        return mapping
    here = _in_use(sites, mapping.ranks)
    groups = _one_a_site(here, mapping) if outer.groups == "sites" else outer.groups
    if mapping.dp % groups:
        raise ConfigError(f"dp {mapping.dp} is not divisible by {groups} outer groups", field="outer.groups")
    found = replace(mapping, dp=mapping.dp // groups, outer=groups)
    # Where sites meet, one group has to end and the next to begin.
    if any(border % found.inner_ranks for border in accumulate(here)):
        raise ConfigError(
            f"a group of {found.inner_ranks} accelerators would lie on two sites, which hold {_listed(here)};"
            f" use groups that fill them, such as {_fitting(here, mapping)}",
            field="outer.groups",
        )
    if found.columns % (found.ep * found.etp):
        raise ConfigError(
            f"ep x etp = {found.ep} x {found.etp} does not divide the {found.columns} ranks that a pipeline stage has"
            " in an outer group",
            field="parallelism.ep",
        )
    return found


def _in_use(sites: Sequence[int], ranks: int) -> list[int]:
    """Accelerators of each site that the job's ranks are on."""
    found = []
    for count in sites:
        found.append(min(count, ranks))
        ranks -= found[-1]
    return [count for count in found if count]


def _one_a_site(here: list[int], mapping: Mapping) -> int:
    if len(here) < 2:
        raise ConfigError(
            "the job is not on several sites; say how many groups, such as groups: 2", field="outer.groups"
        )
    if len(set(here)) > 1:
        raise ConfigError(
            f"the sites hold {_listed(here)} accelerators of the job, and groups must be equal;"
            f" use groups: {_fitting(here, mapping)}",
            field="outer.groups",
        )
    return len(here)


def _fitting(here: list[int], mapping: Mapping) -> int:
    """The fewest equal groups of which none lies on two sites."""
    return mapping.ranks // gcd(*here)


def _listed(counts: list[int]) -> str:
    return ", ".join(str(count) for count in counts[:-1]) + f" and {counts[-1]}"
