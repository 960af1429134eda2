"""Checks: small named rules that a fabric as designed, placed and cabled should keep.

    from weft.fabric.checks import check
    for finding in check(fabric): print(finding.rule, finding.where, finding.what, finding.fix)

A rule is a function of the fabric, found by its name in `RULES`; its first line says what it wants.
"""

from __future__ import annotations

from collections.abc import Iterable

from weft.errors import UnknownName
from weft.fabric.checks.finding import Finding, Rule
from weft.fabric.checks.hardware import cages_and_modules, medium_reaches, ports_within_radix
from weft.fabric.checks.resilience import single_points_of_failure
from weft.fabric.checks.room import rack_power, rack_space
from weft.fabric.checks.wiring import connected, oversubscription_as_asked, planes_disjoint, pod_limits, rails_aligned
from weft.fabric.fabric import Fabric

__all__ = ["RULES", "Finding", "Rule", "check"]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        connected,
        ports_within_radix,
        cages_and_modules,
        medium_reaches,
        rack_power,
        rack_space,
        oversubscription_as_asked,
        rails_aligned,
        planes_disjoint,
        pod_limits,
        single_points_of_failure,
    )
}


def check(fabric: Fabric, rules: Iterable[str] = ()) -> list[Finding]:
    """Return what the rules find, errors first; all rules where none are named.

    Raises:
        UnknownName: there is no such rule.
    """
    names = list(rules) or list(RULES)
    for name in names:
        if name not in RULES:
            raise UnknownName("rule", name, RULES)
    found = [finding for name in names for finding in RULES[name](fabric)]
    return sorted(found, key=lambda finding: finding.severity != "error")
