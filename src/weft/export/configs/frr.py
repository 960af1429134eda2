"""Configurations of FRRouting: one integrated ``frr.conf`` a switch, for zebra, bgpd and bfdd.

eBGP between neighbours as RFC 7938 has it, over link-local addresses (RFC 5549) or over a /31 a link. A switch
announces its loopback and one prefix for all its host ports: their /31s are not redistributed, and ``network`` without
an import check needs no null route, hence no further daemon. A packet to a port that is not there ends at the leaf:
nothing in the fabric has a default route. Syntax: the FRRouting user guide, as FRR 8.4 takes it; ``vtysh -C`` checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.fabric.underlay_options import Underlay as Options
from weft.underlay import Device, Port, Role, Underlay
from weft.underlay.numbering import power_of_two

GROUP = "fabric"  # name of the peer group and of the BFD profile
LEAST_PATHS, MOST_PATHS = 64, 256  # equal paths: room to grow, and what FRR is built for (--enable-multipath)
KEEPALIVE_S, HOLD_S = 3, 9  # "frr defaults datacenter"; BFD notices sooner
CONNECT_S = 1  # between two attempts at a session: the two ends of a link seldom begin at one moment
FAST_KEEPALIVE_S, FAST_HOLD_S = 1, 3  # without BFD: the shortest that FRR takes


def frr_conf(underlay: Underlay, device: Device) -> str:
    """Return the whole configuration of a switch."""
    return "\n".join(_lines(underlay, device)) + "\n"


def interfaces_file(underlay: Underlay, device: Device) -> str:
    """Return what FRR does not set, MTU and speed, as ifupdown2 reads it (``/etc/network/interfaces.d``)."""
    lines = ["# ports of " + device.hostname, "auto lo", "iface lo inet loopback"]
    for port in device.ports:
        lines += [
            "",
            f"auto {port.name}",
            f"iface {port.name}",
            f"    alias {far_end(underlay, port)}",
            f"    mtu {underlay.options.mtu}",
            f"    link-speed {speed_mbps(port)}",
        ]
    return "\n".join(lines) + "\n"


def far_end(underlay: Underlay, port: Port) -> str:
    """Return what a port is joined to, as ``spine0:swp3``."""
    return f"{underlay.devices[port.peer].hostname}:{underlay.peer(port).name}"


def speed_mbps(port: Port) -> int:
    """Return a port's rate in Mb/s, the unit of network systems."""
    return round(port.rate_Bps * 8e-6)


def most_paths(device: Device) -> int:
    """Return how many equal paths a switch may use: as many as it has ports to switches, and room for more."""
    uplinks = sum(port.faces is Role.SWITCH for port in device.ports)
    return min(MOST_PATHS, max(LEAST_PATHS, power_of_two(uplinks)))


def hold_times_s(options: Options) -> tuple[int, int]:
    """Return how often BGP says that it is there, and after how long a neighbour that does not is gone, seconds."""
    return (KEEPALIVE_S, HOLD_S) if options.bfd.enabled else (FAST_KEEPALIVE_S, FAST_HOLD_S)


def _lines(underlay: Underlay, device: Device) -> Iterator[str]:
    options = underlay.options
    yield from ("frr defaults datacenter", f"hostname {device.hostname}", "service integrated-vtysh-config", "!")
    yield from ("interface lo", f" ip address {device.loopback}/32", "exit", "!")
    for port in device.ports:
        yield f"interface {port.name}"
        yield f" description {far_end(underlay, port)}"
        if port.address is not None:
            yield f" ip address {port.address}/31"
        yield from ("exit", "!")
    yield from _bgp(underlay, device)
    if options.bfd.enabled:
        interval_ms = round(options.bfd.interval * 1e3)
        yield from ("bfd", f" profile {GROUP}", f"  detect-multiplier {options.bfd.multiplier}")
        yield from (f"  receive-interval {interval_ms}", f"  transmit-interval {interval_ms}", " exit", "exit", "!")
    yield "end"


def _bgp(underlay: Underlay, device: Device) -> Iterator[str]:
    options = underlay.options
    keepalive_s, hold_s = hold_times_s(options)
    yield f"router bgp {device.asn}"
    yield f" bgp router-id {device.loopback}"
    yield " no bgp ebgp-requires-policy"
    yield " no bgp network import-check"
    yield " bgp bestpath as-path multipath-relax"
    yield " bgp bestpath compare-routerid"  # of equal routes the same is passed on whatever came first
    yield f" timers bgp {keepalive_s} {hold_s}"
    yield f" neighbor {GROUP} peer-group"
    yield f" neighbor {GROUP} timers connect {CONNECT_S}"
    if options.bfd.enabled:
        yield f" neighbor {GROUP} bfd profile {GROUP}"
    for port in device.ports:
        if port.faces is not Role.SWITCH:
            continue
        peer = underlay.devices[port.peer]
        if options.bgp == "unnumbered":
            name = port.name
            yield f" neighbor {name} interface remote-as external"
        else:
            name = str(underlay.peer(port).address)
            yield f" neighbor {name} remote-as {peer.asn}"
        yield f" neighbor {name} peer-group {GROUP}"
        yield f" neighbor {name} description {far_end(underlay, port)}"
    yield " address-family ipv4 unicast"
    yield f"  network {device.loopback}/32"
    if device.prefix is not None:
        yield f"  network {device.prefix}"
    yield f"  neighbor {GROUP} activate"
    yield f"  maximum-paths {most_paths(device)}"
    yield from (" exit-address-family", "exit", "!")
