"""What one part costs and draws, from the catalog; a part without a price is counted as missing, never guessed."""

from __future__ import annotations

from weft.catalog import Catalog, Part, Range

ZERO = Range(0.0, 0.0, 0.0)
# A switch box draws more than its chip (fans, processor, supply losses). Boxes of one 51.2 Tb/s chip of 500 W are
# listed at 700 W (Arista 7060X6) to 940 W (SN5600), without optics; used where only the chip is known.
BOX_OVER_CHIP = 1.5
# A server draws more than its accelerators (processors, memory, fans, NICs). DGX H100: 8.5 kW typical over 8 x 700 W;
# used where the catalog has no system.
SERVER_OVER_ACCELERATORS = 1.5
_ONE_PER_LINK = ("cable", "rack spine")


def price(part: Part, *names: str) -> Range | None:
    """Return the first of the named prices that the part has, in USD; None if it has none."""
    return next((part.si_range(name) for name in names if part.has(name)), None)


def switch_price(switch: Part) -> Range | None:
    """Return the price of a switch as a box, without optics."""
    return price(switch, "price_usd_system", "price_usd")


def switch_power(switch: Part) -> Range | None:
    """Return what a switch draws, W, without optics: the box as listed, or scaled from its chip."""
    if switch.has("power_w_typ"):
        return switch.si_range("power_w_typ")
    if switch.has("power_w_chip"):
        return switch.si_range("power_w_chip") * BOX_OVER_CHIP
    return switch.si_range("power_w_max") if switch.has("power_w_max") else None


def is_module(medium: Part) -> bool:
    """True where a link takes one of these at each end (a transceiver), False where one cable is both ends."""
    return medium.text("price_unit") not in _ONE_PER_LINK


def fibre_price(catalog: Catalog, medium: Part) -> Range:
    """Return the price of one link's fibre, USD: a pair for each lane, with its connectors."""
    pairs = medium.si("lanes") if medium.has("lanes") else 1.0
    return catalog.get("media", "passives_mpo").si_range("price_usd_per_fiber_pair") * pairs
