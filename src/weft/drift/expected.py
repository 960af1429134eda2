"""What the design says each switch's configuration should say."""

from __future__ import annotations

from collections.abc import Mapping

from weft.drift.facts import DeviceFacts, NeighbourFacts, PortFacts
from weft.export.configs.frr import far_end, most_paths, speed_mbps
from weft.export.configs.sonic import SonicPort, sonic_ports
from weft.export.configs.sonic.config_db import KnownPorts, far_port
from weft.export.configs.sonic.qos import CLASS_OF_DSCP, LOSSLESS, headroom_bytes, marking_bytes, pfc_enable
from weft.underlay import Device, Port, Role, Underlay

_MARKED_PERCENT = 1  # DCQCN, as in weft.export.configs.sonic.qos


class Expected:
    """The design, read as FRR or SONiC would have it."""

    def __init__(self, underlay: Underlay) -> None:
        self.underlay = underlay
        self._known: KnownPorts = {}
        self._classes = {dscp: _class(CLASS_OF_DSCP.get(dscp, 0)) for dscp in range(64)}

    def facts(self, device: Device, kind: str) -> DeviceFacts:
        """Return what the configuration of a switch should say, written for ``frr`` or ``sonic``."""
        options = self.underlay.options
        names = self.port_names(device, kind)
        prefixes = [f"{device.loopback}/32", *([str(device.prefix)] if device.prefix is not None else [])]
        timers = (round(options.bfd.interval * 1e3), options.bfd.multiplier) if options.bfd.enabled else None
        found = DeviceFacts(
            hostname=device.hostname,
            asn=device.asn,
            loopbacks=frozenset(prefixes[:1]),
            announced=frozenset(prefixes),
            paths=most_paths(device),
            relaxed=True,
            bfd_timers=timers,
        )
        for port, name in zip(device.ports, names, strict=True):
            found.ports[name] = PortFacts(
                says=self.far(port, kind),
                addresses=frozenset() if port.address is None else frozenset([f"{port.address}/31"]),
                mtu=options.mtu,
                speed_mbps=speed_mbps(port),
            )
            if port.faces is Role.SWITCH:
                at = name if port.address is None else str(self.underlay.peer(port).address)
                found.neighbours[at] = NeighbourFacts(self.underlay.devices[port.peer].asn, options.bfd.enabled)
        if kind == "sonic":
            for mine in self._ports(device):
                self._add_qos(found.ports[mine.name], mine)
        return found

    def far(self, port: Port, kind: str) -> str:
        """Return what a port is joined to, with the name its system gives the other port."""
        if kind == "frr":
            return far_end(self.underlay, port)
        return f"{self.underlay.devices[port.peer].hostname}:{far_port(self.underlay, port, self._known)}"

    def port_names(self, device: Device, kind: str) -> list[str]:
        """Return the names of a switch's ports, in order."""
        return [p.name for p in (device.ports if kind == "frr" else self._ports(device))]

    def _ports(self, device: Device) -> tuple[SonicPort, ...]:
        if device.number not in self._known:
            self._known[device.number] = sonic_ports(self.underlay, device)
        return self._known[device.number]

    def _add_qos(self, facts: PortFacts, port: SonicPort) -> None:
        facts.classes = self._classes
        facts.marks = {queue: (*marking_bytes(port.speed_mbps), _MARKED_PERCENT) for queue in LOSSLESS}
        if port.lossless:
            facts.pfc = pfc_enable()
            room = headroom_bytes(port, self.underlay.options.mtu)
            facts.headroom_bytes = dict.fromkeys(LOSSLESS, room)


def _class(traffic_class: int) -> tuple[str, str, str]:
    """Return traffic class, queue and priority group."""
    return str(traffic_class), str(traffic_class), str(traffic_class if traffic_class in LOSSLESS else 0)


def far_ends(expected: Expected, device: Device, kind: str) -> Mapping[str, str]:
    """Return by port name what each port is joined to."""
    names = expected.port_names(device, kind)
    return {name: expected.far(port, kind) for name, port in zip(names, device.ports, strict=True)}
