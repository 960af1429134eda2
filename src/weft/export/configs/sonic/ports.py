"""Ports as SONiC names them: ``Ethernet<N>``, N the first of the port's lanes, counted from 0 over the front panel.

A cage has as many lanes as the fastest port needs, or as its links need together; a link has as many as its rate takes
at the switch's lane rate. Lanes are numbered as they stand at the front panel; which SerDes of the chip they are, a
vendor's ``platform.json`` says.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from weft.catalog import Part
from weft.fabric.tables import Domain, LinkClass
from weft.underlay import Device, Port, Underlay

_NAME = re.compile(r"swp(\d+)(?:s(\d+))?$")
_USUAL_LANE_GBPS = ((100, 25.0), (200, 50.0))  # of ports up to a rate (IEEE 802.3bm, 802.3bs); above 100 (802.3df)
_RS_FROM_MBPS = 25_000  # Reed-Solomon codes are defined for lanes of 25 Gb/s and more (IEEE 802.3by, bj, cd, df)


@dataclass(frozen=True, slots=True)
class SonicPort:
    """A port of a switch.

    Attributes:
        port: the underlay's.
        name: ``Ethernet8``.
        alias: the vendor's kind of name, cage and leg: ``etp2``, ``etp2b``.
        index: cage, from 1.
        lanes: numbers from 1, with commas.
        speed_mbps: one way.
        fec: ``rs`` or ``none``.
        link: class of the link, with its latency.
        lossless: priority flow control runs on it; not over long-haul links, whose headroom no switch has.
    """

    port: Port
    name: str
    alias: str
    index: int
    lanes: str
    speed_mbps: int
    fec: str
    link: LinkClass
    lossless: bool


def sonic_ports(underlay: Underlay, device: Device) -> tuple[SonicPort, ...]:
    """Return the ports of a switch, in the order of the underlay's."""
    links = [link_of(underlay, port) for port in device.ports]
    part = underlay.fabric.parts[int(underlay.fabric.nodes.part[device.row])]
    by_rate = {rate_Bps: _lanes(rate_Bps * 8e-9, part) for rate_Bps in {port.rate_Bps for port in device.ports}}
    lanes = [by_rate[port.rate_Bps] for port in device.ports]
    places = [_place(port, n) for n, port in enumerate(device.ports)]
    legs = [
        max(link.lower_share, link.upper_share, leg + 1) if leg >= 0 else 1
        for link, (_, leg) in zip(links, places, strict=True)
    ]
    cage_lanes = max((width * share for width, share in zip(lanes, legs, strict=True)), default=1)
    return tuple(
        _port(port, cage, leg, width, cage_lanes, link)
        for port, (cage, leg), width, link in zip(device.ports, places, lanes, links, strict=True)
    )


def link_of(underlay: Underlay, port: Port) -> LinkClass:
    """Return the class of a port's link."""
    links = underlay.fabric.links
    return links.classes[int(links.link_class[2 * port.cable])]


def _port(port: Port, cage: int, leg: int, width: int, cage_lanes: int, link: LinkClass) -> SonicPort:
    first = (cage - 1) * cage_lanes + max(leg, 0) * width
    speed_mbps = round(port.rate_Bps * 8e-6)
    return SonicPort(
        port=port,
        name=f"Ethernet{first}",
        alias=f"etp{cage}" + (chr(ord("a") + leg) if leg >= 0 else ""),
        index=cage,
        lanes=",".join(str(first + lane + 1) for lane in range(width)),
        speed_mbps=speed_mbps,
        fec="rs" if speed_mbps >= _RS_FROM_MBPS else "none",
        link=link,
        lossless=link.domain != Domain.LONG_HAUL,
    )


def _place(port: Port, n: int) -> tuple[int, int]:
    """Return cage and leg of a port's name; no leg is -1."""
    match = _NAME.match(port.name)
    if match is None:
        return n + 1, -1
    return int(match[1]), int(match[2]) if match[2] else -1


def _lanes(rate_gbps: float, part: Part) -> int:
    """Return how many lanes a rate takes: 1, 2, 4, 8 or more."""
    lane_gbps = part.si("serdes_gbps") * 8e-9 if part.has("serdes_gbps") else 100.0
    if not part.has("serdes_gbps"):
        lane_gbps = next((lane for most, lane in _USUAL_LANE_GBPS if rate_gbps <= most * (1 + 1e-9)), 100.0)
    needed = max(1, math.ceil(rate_gbps / lane_gbps - 1e-9))
    return 1 << (needed - 1).bit_length()
