"""Makes the plan of a lab from a design's underlay: a pure function."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from weft.errors import ConfigError, InfeasibleError
from weft.fabric.tables import Domain
from weft.lab.plan import LabLink, LabNode, LabPlan, LabPort
from weft.underlay import Device, Port, Underlay, next_hops
from weft.units import format_rate

MAX_NODES = 128
DEFAULT_RATE_Bps = 12.5e6
_LEAST_RATE_Bps, _MOST_RATE_Bps = 1.25e5, 1.25e9
_NAME_LENGTH = 15  # of a Linux interface


def lab_plan(
    underlay: Underlay,
    rate_Bps: float = DEFAULT_RATE_Bps,
    *,
    mtu: int = 1500,
    queue_bytes: int = 512 * 1024,
    delays: bool = True,
    source: str = "",
) -> LabPlan:
    """Return what a lab of a design consists of.

    All rates are scaled by one factor, so that shares, ratios and oversubscription stay.

    Args:
        underlay: devices, ports, addresses.
        rate_Bps: what the design's fastest host port gets in the lab; default 100 Mbit/s.
        mtu: bytes.
        queue_bytes: that may wait at a port.
        delays: whether links between sites have their delay, as much longer as rates are slower.
        source: the cluster file.

    Raises:
        InfeasibleError: more than 128 nodes, or a port name that Linux does not take.
        ConfigError: a rate that no lab can have.
    """
    _check(underlay, rate_Bps)
    dilation = max(port.rate_Bps for host in underlay.hosts for port in host.ports) / rate_Bps
    routes = next_hops(underlay)
    destinations = [device for device in underlay.switches if device.prefix is not None]
    nodes = tuple(
        LabNode(
            device.hostname,
            device.role.value,
            device.kind,
            device.number,
            str(device.loopback or ""),
            str(device.prefix or ""),
            tuple(_port(underlay, port, dilation) for port in device.ports),
            {
                destination.hostname: tuple(port.name for port in hops)
                for destination in destinations
                if (hops := routes.next_hops(device, destination))
            },
        )
        for device in underlay.devices
    )
    links = tuple(_links(underlay, dilation, delays))
    return LabPlan(underlay.fabric.name, nodes, links, dilation, mtu, queue_bytes, source=source, underlay=underlay)


def _check(underlay: Underlay, rate_Bps: float) -> None:
    if not _LEAST_RATE_Bps <= rate_Bps <= _MOST_RATE_Bps:
        raise ConfigError(
            f"a lab's rate lies between {format_rate(_LEAST_RATE_Bps)} and {format_rate(_MOST_RATE_Bps)}, "
            f"not {format_rate(rate_Bps)}",
            field="--rate",
        )
    count = len(underlay.devices)
    if count > MAX_NODES:
        raise InfeasibleError(
            f"{underlay.fabric.name} has {len(underlay.hosts)} hosts and {len(underlay.switches)} switches, {count} "
            f"nodes; a lab has at most {MAX_NODES}: set fewer nodes in the cluster file"
        )
    for device in underlay.devices:
        for port in device.ports:
            if len(port.name) > _NAME_LENGTH:
                raise InfeasibleError(f"port {port.name} of {device.hostname} has a longer name than Linux takes (15)")


def _mac(device: int, place: int) -> str:
    """Return a locally administered address that says whose it is."""
    return f"0257{device:04x}{place:04x}"


def _port(underlay: Underlay, port: Port, dilation: float) -> LabPort:
    device, peer = underlay.devices[port.device], underlay.devices[port.peer]
    other = underlay.peer(port)
    gateway: IPv4Address | None = other.address or peer.loopback
    return LabPort(
        port.name,
        peer.hostname,
        other.name,
        port.rate_Bps / dilation,
        str(port.address or ""),
        str(gateway or ""),
        _mac(device.number, other.peer_port),
        _mac(peer.number, port.peer_port),
    )


def _links(underlay: Underlay, dilation: float, delays: bool) -> Iterator[LabLink]:
    for port, other in _pairs(underlay):
        delay_s = _delay_s(underlay, port) * dilation if delays else 0.0
        a, b = underlay.devices[port.device].hostname, underlay.devices[other.device].hostname
        yield LabLink(a, port.name, b, other.name, port.rate_Bps / dilation, port.rate_Bps, delay_s)


def _pairs(underlay: Underlay) -> list[tuple[Port, Port]]:
    """Return every link once, hosts' ends first, in cable order."""
    rank: dict[str, int] = {"host": 0, "leaf": 1, "router": 1, "spine": 2, "core": 3}

    def lower(device: Device, peer: Device) -> bool:
        return (rank.get(device.kind, 4), device.number) < (rank.get(peer.kind, 4), peer.number)

    found = [
        (port, underlay.peer(port))
        for device in underlay.devices
        for port in device.ports
        if lower(device, underlay.devices[port.peer])
    ]
    return sorted(found, key=lambda pair: min(pair[0].cable, pair[0].far_cable))


def _delay_s(underlay: Underlay, port: Port) -> float:
    """Return a long-haul link's latency in the design; others' is far below what a lab can tell apart."""
    links = underlay.fabric.links
    link_class = links.classes[int(links.link_class[2 * port.cable])]
    return float(link_class.latency_up_s) if link_class.domain is Domain.LONG_HAUL else 0.0
