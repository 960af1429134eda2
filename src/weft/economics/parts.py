"""What one part costs and draws, from the catalog; a part without a price is counted as missing, never guessed."""

from __future__ import annotations

from weft.catalog import Catalog, Part
from weft.economics.figures import Figure, figure

_ONE_PER_LINK = ("cable", "rack spine")
_LONG_HAUL = ("dci_coherent", "dci_transponder")


def planning(catalog: Catalog, part: str, name: str) -> Figure:
    """Return a planning value: a margin, a fraction of spares, the price of a rack."""
    found = figure(catalog.get("planning", part), name)
    assert found is not None
    return found


def switch_price(switch: Part) -> Figure | None:
    """Return the price of a switch as a box, without optics."""
    return figure(switch, "price_usd_system", "price_usd")


def switch_power(catalog: Catalog, switch: Part) -> Figure | None:
    """Return what a switch draws, W, without optics: the box as listed, or scaled from its chip.

    A box draws more than its chip (fans, processor, supply losses); see the catalog's planning part power_margins.
    """
    listed = figure(switch, "power_w_typ", "power_w")
    if listed is not None:
        return listed
    chip = figure(switch, "power_w_chip")
    if chip is not None:
        return chip * planning(catalog, "power_margins", "box_over_chip_x")
    return figure(switch, "power_w_max")


def is_module(medium: Part) -> bool:
    """True where a link takes one of these at each end (a transceiver), False where one cable is both ends."""
    return medium.text("price_unit") not in _ONE_PER_LINK


def is_long_haul(medium: Part) -> bool:
    """True for coherent optics between sites."""
    return medium.text("cls") in _LONG_HAUL


def fibre_price(catalog: Catalog, medium: Part) -> Figure:
    """Return the price of one link's fibre, USD: a pair for each lane, with its connectors."""
    pair = figure(catalog.get("media", "passives_mpo"), "price_usd_per_fiber_pair")
    assert pair is not None
    lanes = figure(medium, "lanes")
    return pair * lanes if lanes else pair


def end_power(medium: Part) -> Figure | None:
    """Return what one end of a link draws, W."""
    return figure(medium, "power_w_per_end")
