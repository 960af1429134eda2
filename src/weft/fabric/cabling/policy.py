"""Which of the ways to make a link is taken: cheapest, least power, most reliable, or one the user fixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.catalog import Catalog
from weft.errors import InfeasibleError, UnknownName
from weft.fabric.cabling.options import CLASSES, INSIDE, Option
from weft.fabric.spec import Cluster
from weft.fabric.tables import Domain, LinkClass

POLICIES = ("cheapest", "lowest_power", "most_reliable")
# What may be taken without being named: made and sold by several makers today. microLED, near-package and optical I/O
# are not yet; co-packaged engines come with their switch.
SOLD = (
    "passive_dac",
    "acc",
    "aec",
    "aoc",
    "dsp_pluggable",
    "silicon_photonics",
    "lpo",
    "lro",
    "dci_coherent",
    "dci_transponder",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """How to choose.

    Attributes:
        aim: one of `POLICIES`.
        among: classes and medium ids to choose among; empty for whatever is sold.
    """

    aim: str = "cheapest"
    among: tuple[str, ...] = ()

    def allows(self, option: Option) -> bool:
        """True where an option may be taken, whatever its reach.

        A fixed medium may stand at either end: its other end is whatever faces it.
        """
        ids = {option.medium.id, option.upper.id}
        classes = {option.medium.text("cls"), option.upper.text("cls")}
        if not self.among:
            return option.native and classes <= {*SOLD, "cpo"}
        if not option.native:  # engines in a pluggable switch are a what-if: only where they are named
            engines = {part.id for part in (option.medium, option.upper) if part.text("cls") == "cpo"}
            if not ({"cpo"} | engines) & set(self.among):
                return False
        return any(name in ids or name in classes for name in self.among)

    def best(self, options: list[Option], length_m: float) -> Option | None:
        """Return the best option that reaches; None if none does.

        What is chosen freely must reach as usual parts of it do; a medium fixed by its id, as the best of them.
        """
        reaching = [option for option in options if self._reach(option) >= length_m - 1e-9]
        return min(reaching, key=self._rank, default=None)

    def _reach(self, option: Option) -> float:
        fixed = option.medium.id in self.among or option.upper.id in self.among
        return option.best_reach_m if fixed else option.reach_m

    def _rank(self, option: Option) -> tuple[float, float, float, str, str]:
        figures = {
            "cheapest": (option.cost_usd, option.power_w, option.failures_per_s),
            "lowest_power": (option.power_w, option.cost_usd, option.failures_per_s),
            "most_reliable": (option.failures_per_s, option.cost_usd, option.power_w),
        }[self.aim]
        return (*figures, option.medium.id, option.upper.id)


# Networks whose media are chosen, as the cluster file calls them. Long-haul links keep the line of their topology,
# links inside nodes what their system has.
SECTIONS = {Domain.SCALE_OUT: "scale_out", Domain.FRONT_END: "front_end", Domain.STORAGE: "storage"}
_ALIASES = {"router-router": "local", "group-group": "global"}  # as direct networks call their links
_TIERS = ("default", "host", "leaf", "spine", "core", "router", "group", "local", "global")


def tier_of(link: LinkClass) -> tuple[str, ...]:
    """Return the names a class of links goes by in ``media``: ``nic-leaf``, ``host``, ``leaf`` ... ``default``."""
    lower, _, upper = link.name.partition("-")
    other = "host" if lower == "nic" else _ALIASES.get(link.name, upper)
    return (link.name, other, upper, SECTIONS[link.domain], "default")


def policies(cluster: Cluster, catalog: Catalog, classes: Sequence[LinkClass]) -> dict[tuple[Domain, str], Policy]:
    """Return the policy of each class of links: from ``media``, else the medium its network was given, else cheapest.

    Raises:
        UnknownName: a tier, policy, class or medium nobody knows.
    """
    written = cluster.media or {}
    known = {*_TIERS, *SECTIONS.values(), *(name for link in classes for name in tier_of(link))}
    for tier in written:
        if tier not in known:
            raise UnknownName("tier", tier, known, field="media")
    read = {tier: _policy(words, catalog, tier) for tier, words in written.items()}
    found: dict[tuple[Domain, str], Policy] = {}
    for link in classes:
        names, asked = tier_of(link), _topology_media(getattr(cluster, SECTIONS[link.domain]))
        rules = [read[name] for name in names if name in read]
        rules += [Policy(among=(asked[name],)) for name in names if name in asked]
        found[link.domain, link.name] = rules[0] if rules else Policy()
    return found


def _policy(words: tuple[str, ...], catalog: Catalog, tier: str) -> Policy:
    aims = [word for word in words if word in POLICIES]
    among = tuple(word for word in words if word not in POLICIES)
    choosable = {part.id for part in catalog.parts("media") if part.text("cls") not in (None, *INSIDE)}
    known = {*CLASSES, *choosable} - set(INSIDE)
    for word in among:
        if word not in known:
            field = "media" if tier == "default" else f"media.{tier}"
            raise UnknownName("policy, class or medium", word, [*POLICIES, *known], field=field)
    return Policy(aims[0] if aims else "cheapest", among)


def _topology_media(section: dict[str, Any] | None) -> dict[str, str]:
    """Return the media written under ``medium`` of a network, by tier."""
    medium = (section or {}).get("medium")
    if isinstance(medium, str):
        return {"default": medium}
    return dict(medium) if isinstance(medium, dict) else {}


def choose(
    policy: Policy, options: list[Option], length_m: float, rate_Bps: float, ends: tuple[str, str], link_class: str
) -> Option:
    """Return the option a policy takes.

    Raises:
        InfeasibleError: nothing reaches; names the link, its length, and what would reach at what cost.
    """
    allowed = [option for option in options if policy.allows(option)]
    taken = policy.best(allowed, length_m)
    if taken is not None:
        return taken
    link = f"link {ends[0]} to {ends[1]} ({link_class}, {rate_Bps * 8e-9:g} Gb/s, {length_m:g} m)"
    farthest = max(allowed, key=lambda option: option.reach_m, default=None)
    wanted = " or ".join(policy.among) or "what is sold"
    here = f"{wanted} does not plug in here (cages that serve several links want twin-port modules, or parallel cables)"
    if farthest is not None:
        here = f"{wanted}: {farthest.medium.id} reaches {farthest.reach_m:g} m"
    would = Policy().best([o for o in options if Policy().allows(o)], length_m)
    if would is None:
        far = max(options, key=lambda option: option.reach_m, default=None)
        mend = f"nothing reaches; the farthest is {far.medium.id} with {far.reach_m:g} m" if far else "nothing fits"
    else:
        mend = f"{would.medium.id} would, at {would.cost_usd:,.0f} USD and {would.power_w:.3g} W a link"
    raise InfeasibleError(f"media: {link}: {here}; {mend}")
