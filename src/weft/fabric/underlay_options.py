"""What a user writes about the IP underlay: address pools, AS numbers, BGP, BFD, MTU."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal

from pydantic import Field

from weft.files import Duration, Strict


class Bfd(Strict):
    """How fast a dead neighbour is noticed."""

    enabled: bool = Field(True, description="run BFD beside BGP")
    interval: Duration = Field(0.1, ge=0.01, le=60, description="between two packets; default 100ms")
    multiplier: int = Field(3, ge=2, le=255, description="packets lost before the neighbour counts as dead")


class Underlay(Strict):
    """Addresses and routing of the switches, as exported configurations and the lab have them."""

    hosts: IPv4Network = Field(IPv4Network("10.0.0.0/8"), description="pool of host ports: one /31 a port")
    loopbacks: IPv4Network = Field(IPv4Network("172.16.0.0/12"), description="pool of switch loopbacks: one /32 each")
    links: IPv4Network = Field(
        IPv4Network("100.64.0.0/10"), description="pool of links between switches, one /31 each; with bgp: numbered"
    )
    asn: int = Field(4_200_000_000, ge=1, le=4_294_967_294, description="first AS number (RFC 6996 private by default)")
    bgp: Literal["unnumbered", "numbered"] = Field(
        "unnumbered", description="sessions over IPv6 link-local addresses (RFC 5549), or over a /31 a link"
    )
    bfd: Bfd = Bfd()
    mtu: int = Field(9100, ge=1280, le=9216, description="of every port, bytes of IP packet")
