"""What follows from a link's medium: how often it fails, how clean its bits are, what crossing it takes."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Catalog
from weft.fabric.cabling.counting import is_cable
from weft.fabric.media import error_correction, link_latency_s
from weft.fabric.tables import LinkClass

FIT_PER_S = 1e9 * 3600.0  # failures in 1e9 hours, of a rate in 1/s


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """One link of a class.

    Attributes:
        failures_per_s: of the cable, or of the modules at both ends; None where the catalog does not say.
        bit_errors: the medium's error class before correction, as its sources have it.
        error_correction: catalog id of the hosts' code.
        error_limit: bit error ratio that the code still mends.
        crossing_s: propagation, the medium's own retiming, and error correction; no switch.
    """

    failures_per_s: float | None
    bit_errors: str
    error_correction: str
    error_limit: float
    crossing_s: float

    @property
    def fit(self) -> float | None:
        """Failures in 1e9 hours."""
        return None if self.failures_per_s is None else self.failures_per_s * FIT_PER_S


def link_quality(catalog: Catalog, link: LinkClass) -> LinkQuality:
    """Return what follows from the medium of a class of links."""
    lower = catalog.get("media", link.medium)
    upper = catalog.get("media", link.upper_medium or link.medium)
    protocol = catalog.get("protocols", link.protocol)
    ends = [lower] if is_cable(lower) or link.ends == 1 else [lower, upper]
    known = all(part.has("fit") for part in ends)
    code = catalog.get("media", error_correction(protocol))
    return LinkQuality(
        failures_per_s=sum(part.si("fit") for part in ends) if known else None,
        bit_errors=lower.text("prefec_ber") or "",
        error_correction=code.id,
        error_limit=code.si("prefec_ber_limit"),
        crossing_s=link_latency_s(catalog, lower, protocol, link.length_m),
    )
