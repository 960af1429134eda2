"""Which cable a link uses until places are known, and what crossing it costs in time.

The rule: passive copper where the catalog has one of the link's rate that reaches, otherwise pluggable optics, the
cheapest that reach. A rate nothing is made for (200 Gb/s) takes the next faster medium.
"""

from __future__ import annotations

from weft.catalog import Catalog, Part
from weft.errors import InfeasibleError
from weft.fabric.lookup import named_part

COPPER = ("passive_dac", "acc", "aec", "passive_backplane", "pcb")


def choose_medium(catalog: Catalog, rate_Bps: float, length_m: float, asked: str | None, field: str) -> Part:
    """Return the medium of a link.

    Args:
        catalog: the parts.
        rate_Bps: the link's rate, one way.
        length_m: the cable's length.
        asked: a medium id from the user; None to choose.
        field: where the user wrote it, for errors.

    Raises:
        UnknownName: an unknown medium id.
        InfeasibleError: nothing in the catalog reaches so far at this rate.
    """
    if asked is not None:
        medium = named_part(catalog, "media", asked, field)
        if medium.has("reach_m") and medium.si_range("reach_m").high < length_m:
            raise InfeasibleError(
                f"{field}: {asked} reaches {medium.si_range('reach_m').high:g} m, the cable is {length_m:g} m long"
            )
        return medium
    for kind in ("passive_dac", "dsp_pluggable"):
        fitting = [medium for medium in catalog.parts("media") if _fits(medium, kind, rate_Bps, length_m)]
        if fitting:
            return min(fitting, key=lambda m: (m.si("rate_gbps_port"), m.si("price_usd")))
    raise InfeasibleError(
        f"no copper or pluggable optics in the catalog carry {rate_Bps * 8e-9:g} Gb/s over {length_m:g} m; set {field}"
    )


def _fits(medium: Part, kind: str, rate_Bps: float, length_m: float) -> bool:
    return (
        medium.text("cls") == kind
        and medium.has("price_usd")
        and medium.si("rate_gbps_port") >= rate_Bps * (1 - 1e-9)
        and medium.si_range("reach_m").high >= length_m
    )


def link_latency_s(catalog: Catalog, medium: Part, protocol: Part, length_m: float) -> float:
    """Return what one crossing of a cable takes: propagation, the medium's own retimers, and error correction.

    Error correction follows the protocol: RS(528) on 25 Gb/s lanes, low-latency RS(272) on InfiniBand, else RS(544).
    """
    run = catalog.get("media", _guide(medium)).si("propagation_ns_per_m") * length_m
    inside = medium.si("latency_ns_added_link") if medium.has("latency_ns_added_link") else 0.0
    return run + inside + catalog.get("media", error_correction(protocol)).si("latency_ns")


def _guide(medium: Part) -> str:
    """Return the catalog entry of what carries a medium's signal."""
    if medium.text("cls") in COPPER:
        return "prop_twinax"
    if medium.text("cls") == "microled":
        return "prop_imaging_fiber"
    return "prop_mmf" if medium.text("cls") == "aoc" or medium.text("interface") == "SR" else "prop_smf"


def error_correction(protocol: Part) -> str:
    """Return the catalog entry of the code that a protocol's hosts run on every link."""
    if protocol.has("lane_gbps") and protocol.si("lane_gbps") <= 25e9 / 8:
        return "fec_rs528"
    return "fec_rs272_ll" if protocol.text("family") == "infiniband" else "fec_rs544_kp4"
