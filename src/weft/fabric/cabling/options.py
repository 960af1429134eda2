"""Every way to make a link of a rate between two ends: cables, splitter cables, and pairs of modules with fibre.

A *straight* cable joins two cages and carries as many parallel links between the same two devices as both cages serve.
A *splitter* has one end in a cage that serves several links and a leg for each of them. *Modules* stand alone at each
end, of one family (class, fibre and lane rate), and may be twin-port at one end and single-port at the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from weft.catalog import Catalog, Part
from weft.fabric.cabling.ends import End

CABLED = ("passive_dac", "acc", "aec", "aoc", "microled")
PLUGGED = ("dsp_pluggable", "silicon_photonics", "lpo", "lro", "npo", "dci_coherent", "dci_transponder", "optical_io")
INSIDE = ("d2d", "wafer_scale", "pcb", "passive_backplane")  # on a package, a wafer, a board: never plugged
CLASSES = (*CABLED, *PLUGGED, "cpo", *INSIDE)
# What works only at the host's own lane rate: nothing in it retimes or changes lanes.
# Modules that send all their lanes over one pair of single-mode fibres: what a mirror can turn.
_ONE_PAIR = ("FR", "LR")
_UNRETIMED = ("passive_dac", "acc", "lpo")


@dataclass(frozen=True, slots=True)
class Request:
    """A class of links to be made.

    Attributes:
        rate_Bps: of one link, one way.
        lower, upper: its ends.
        parallel: links between the same two devices (a divisor of every pair's number).
        lane_Bps: the host's lane rate; 0 if unknown.
    """

    rate_Bps: float
    lower: End
    upper: End
    parallel: int = 1
    lane_Bps: float = 0.0


@dataclass(frozen=True, slots=True)
class Option:
    """One way to make a link; cost, power and failures are of one link.

    Attributes:
        medium: the cable, or the module at the lower end.
        upper: the same, or the module at the upper end.
        lower_share, upper_share: links that one module, or one end of a cable, serves.
        reach_m: what such parts usually reach.
        best_reach_m: what the best of them reach.
        native: the switches have optical engines where this needs them; False is a what-if on a pluggable switch.
        cost_usd, power_w, failures_per_s: of one link, both ends; infinite where the catalog does not say.
    """

    medium: Part
    upper: Part
    lower_share: int
    upper_share: int
    reach_m: float
    best_reach_m: float
    cost_usd: float
    power_w: float
    failures_per_s: float
    native: bool = True

    @property
    def is_cable(self) -> bool:
        """True where one assembly is both ends."""
        return self.medium.text("cls") in CABLED


def options(catalog: Catalog, request: Request) -> list[Option]:
    """Return every way to make a link, in no order."""
    media = [part for part in catalog.parts("media") if _usable(part, request)]
    cables = [part for part in media if part.text("cls") in CABLED]
    modules = [part for part in media if part.text("cls") in PLUGGED]
    engines = [part for part in media if part.text("cls") == "cpo"]
    found: list[Option] = []
    caged = request.lower.form == request.upper.form == "cage"
    for medium in cables if caged else ():
        found += _straight(medium, request, cables)
        found += _splitters(medium, request, cables)
    fibre = catalog.get("media", "passives_mpo").si("price_usd_per_fiber_pair")
    for lower, upper in _pairs(request, modules, engines):
        found.append(_of_modules(lower, upper, request, fibre))
    return found


def _usable(part: Part, request: Request) -> bool:
    if not part.has("rate_gbps_port") or not part.has("reach_m") or part.text("cls") in (None, *INSIDE):
        return False
    if part.si("rate_gbps_port") < request.rate_Bps * (1 - 1e-9):
        return False
    if part.text("cls") in _UNRETIMED and request.lane_Bps and part.has("rate_gbps_lane"):
        return math.isclose(part.si("rate_gbps_lane"), request.lane_Bps, rel_tol=1e-6)
    return True


def _fits_cage(part: Part, cage_Bps: float, known: list[Part]) -> bool:
    """True where a part is no faster than the cage, or the slowest of its class where all are faster."""
    speed = part.si("rate_gbps_port")
    alike = [p.si("rate_gbps_port") for p in known if _family(p) == _family(part)]
    return speed <= cage_Bps * (1 + 1e-9) or (min(alike) > cage_Bps * (1 + 1e-9) and speed == min(alike))


def _family(part: Part) -> tuple[str | None, str | None, float]:
    lane = part.si("rate_gbps_lane") if part.has("rate_gbps_lane") and part.text("cls") in PLUGGED else 0.0
    return part.text("cls"), part.text("interface"), lane


def _straight(medium: Part, request: Request, known: list[Part]) -> Iterator[Option]:
    lower, upper, rate = request.lower, request.upper, request.rate_Bps
    if not _fits_cage(medium, min(lower.cage_Bps, upper.cage_Bps), known):
        return
    most = min(end.share(rate, medium.si("rate_gbps_port")) for end in (lower, upper))
    share = next(m for m in range(most, 0, -1) if request.parallel % m == 0)
    if share >= max(lower.needed_share(rate), upper.needed_share(rate)):
        yield _of_cable(medium, share, share, share)


def _splitters(medium: Part, request: Request, known: list[Part]) -> Iterator[Option]:
    lower, upper, rate = request.lower, request.upper, request.rate_Bps
    for trunk, legs, at_upper in ((upper, lower, True), (lower, upper, False)):
        share = trunk.share(rate, medium.si("rate_gbps_port"))
        if share < 2 or share < trunk.needed_share(rate) or legs.needed_share(rate) > 1:
            continue
        if _fits_cage(medium, trunk.cage_Bps, known):
            yield _of_cable(medium, 1 if at_upper else share, share if at_upper else 1, share)


def _pairs(request: Request, modules: list[Part], engines: list[Part]) -> Iterator[tuple[Part, Part]]:
    """Yield the modules that may face each other. Engines stand in switches only, and face modules of their kind."""
    through = "fibre" in (request.lower.form, request.upper.form)  # one module only
    for lower in (*modules, *engines):
        if through and lower.text("interface") not in _ONE_PAIR:
            continue
        for upper in (lower,) if through else (*modules, *engines):
            cls = {lower.text("cls"), upper.text("cls")}
            alike = _family(lower)[1:] == _family(upper)[1:] if len(cls) > 1 else _family(lower) == _family(upper)
            if len(cls) > 1 and cls != {"cpo", "dsp_pluggable"}:
                continue
            if "cpo" in cls and len(cls) > 1:
                alike = lower.text("interface") == upper.text("interface") and _lane(lower) == _lane(upper)
            if alike and all(
                _stands(part, end, request.rate_Bps, modules)
                for part, end in ((lower, request.lower), (upper, request.upper))
            ):
                yield lower, upper


def _lane(part: Part) -> float:
    return part.si("rate_gbps_lane") if part.has("rate_gbps_lane") else 0.0


def _stands(part: Part, end: End, rate_Bps: float, known: list[Part]) -> bool:
    """True where a part may stand at an end."""
    engine = part.text("cls") == "cpo"
    if end.form == "fibre":
        return not engine
    if engine or end.form == "cpo":
        return engine and not end.is_host
    share = end.share(rate_Bps, part.si("rate_gbps_port"))
    return _fits_cage(part, end.cage_Bps, known) and share >= end.needed_share(rate_Bps)


def _of_cable(medium: Part, lower_share: int, upper_share: int, links: int) -> Option:
    reach = medium.si_range("reach_m")
    return Option(
        medium=medium,
        upper=medium,
        lower_share=lower_share,
        upper_share=upper_share,
        reach_m=reach.typical,
        best_reach_m=reach.high,
        cost_usd=_of(medium, "price_usd") / links,
        power_w=2 * _of(medium, "power_w_per_end") / links,
        failures_per_s=_of(medium, "fit"),
    )


def _of_modules(lower: Part, upper: Part, request: Request, fibre_pair_usd: float) -> Option:
    rate = request.rate_Bps
    ends = [(part, end) for part, end in ((lower, request.lower), (upper, request.upper)) if end.form != "fibre"]
    shares = [_module_share(part, end, rate) for part, end in ends]
    pairs = (lower.si("lanes") if lower.has("lanes") else 1.0) * rate / lower.si("rate_gbps_port")
    low, high = (shares[0], shares[-1])
    reaches = [part.si_range("reach_m") for part in (lower, upper)]
    return Option(
        medium=lower,
        upper=upper,
        lower_share=low if request.lower.form != "fibre" else 1,
        upper_share=high if request.upper.form != "fibre" else 1,
        reach_m=min(reach.typical for reach in reaches),
        best_reach_m=min(reach.high for reach in reaches),
        cost_usd=sum(_of(p, "price_usd") / s for (p, _), s in zip(ends, shares, strict=True)) + pairs * fibre_pair_usd,
        power_w=sum(_of(p, "power_w_per_end") / s for (p, _), s in zip(ends, shares, strict=True)),
        failures_per_s=sum(_of(p, "fit") for p, _ in ends),
        native=all(end.form == "cpo" for p, end in ends if p.text("cls") == "cpo"),
    )


def _module_share(part: Part, end: End, rate_Bps: float) -> int:
    speed = part.si("rate_gbps_port")
    return int(speed / rate_Bps + 1e-9) if part.text("cls") == "cpo" else end.share(rate_Bps, speed)


def _of(part: Part, fact: str) -> float:
    return part.si(fact) if part.has(fact) else math.inf
