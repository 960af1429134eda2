"""What a long-haul link takes beside its transponders: shared fibre pairs with multiplexers and amplifiers.

A pair carries as many wavelengths as the C band has channels of the transponder's width (64 of 75 GHz, 32 of 150 GHz).
Each pair takes a multiplexer at both ends, an amplifier a span and direction, and is rented by the kilometre and month.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weft.catalog import Catalog, Part
from weft.economics.figures import NOTHING, Figure, figure
from weft.fabric import Fabric
from weft.fabric.tables import IntArray

_WIDE_GHZ = 100e9  # above it a wavelength takes a 150 GHz channel
_YEAR_S = 365.25 * 86400


@dataclass(frozen=True, slots=True)
class Item:
    """Parts that a fibre route takes."""

    kind: str
    part: Part
    count: int
    cost: Figure
    power: Figure


def line_system(
    catalog: Catalog, medium: Part, wavelengths: int, length_m: float
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Return what is bought and what is rented for a route between two sites.

    Args:
        catalog: the parts.
        medium: the coherent transponder.
        wavelengths: links on this route.
        length_m: of the route.
    """
    band, span = catalog.get("media", "dwdm_cband"), catalog.get("media", "edfa_span")
    wide = medium.has("channel_ghz") and medium.si("channel_ghz") > _WIDE_GHZ
    channels = int(band.si("channels_150ghz" if wide else "channels_75ghz"))
    pairs = math.ceil(wavelengths / channels)
    amplifiers = 2 * pairs * math.ceil(length_m / span.si("span_km"))
    mux, fibre = catalog.get("media", "mux_64ch"), catalog.get("media", "dark_fiber")
    rent = figure(fibre, "price_usd_per_km_month") or NOTHING  # USD a metre and second
    year = Figure(rent.value * (length_m * _YEAR_S), rent.basis)
    return (
        Item("mux", mux, 2 * pairs, figure(mux, "price_usd") or NOTHING, NOTHING),
        Item(
            "amplifier",
            span,
            amplifiers,
            figure(span, "price_usd") or NOTHING,
            figure(span, "power_w_per_amp") or NOTHING,
        ),
    ), (Item("dark_fibre", fibre, pairs, year, NOTHING),)


def fibre_routes(fabric: Fabric, link_class: int) -> list[tuple[int, int]]:
    """Return ``(routes, wavelengths on each)`` of a class of links: pairs of sites, each with its own fibre."""
    rows = np.flatnonzero(fabric.links.link_class == link_class)[::2]
    ends = np.sort(np.stack([_site(fabric, fabric.links.src[rows]), _site(fabric, fabric.links.dst[rows])]), axis=0)
    _, wavelengths = np.unique(ends, axis=1, return_counts=True)
    alike, routes = np.unique(wavelengths, return_counts=True)
    return [(int(number), int(width)) for width, number in zip(alike, routes, strict=True)]


def _site(fabric: Fabric, rows: IntArray) -> IntArray:
    """Return the outermost place of each node."""
    top, parent = rows.copy(), fabric.nodes.parent
    while (parent[top] >= 0).any():
        top = np.where(parent[top] >= 0, parent[top], top)
    return top
