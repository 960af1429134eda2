"""The rules: what a configuration says, beside what the design says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weft.drift.facts import DeviceFacts, NeighbourFacts, PortFacts
from weft.drift.finding import Finding

_NOTHING = "nothing"


def compare(found: DeviceFacts, design: DeviceFacts) -> Iterator[Finding]:
    """Yield the differences of one switch, by port, then of the switch as a whole."""
    name = design.hostname
    if found.hostname != name:
        yield Finding("hostname", name, "", f"it is named {found.hostname or _NOTHING}", name)
    for port, want in design.ports.items():
        if port in found.ports:
            yield from _port(name, port, found.ports[port], want, found.untold)
        else:
            yield Finding("missing-port", name, port, "is not configured", f"it leads to {want.says}")
    for port in sorted(found.ports.keys() - design.ports.keys()):
        if _in_use(found.ports[port]):
            yield Finding(
                "extra-port", name, port, f"leads to {found.ports[port].says or 'an address'}", "no such port"
            )
    yield from _neighbours(found, design)
    yield from _whole(found, design)


def one_sided(every: Mapping[str, DeviceFacts], designs: Mapping[str, DeviceFacts]) -> Iterator[Finding]:
    """Yield the switches that do not use some of their links while the other end does."""
    for name, design in designs.items():
        if name not in every:
            continue
        want = _by_port(design, design.ports)
        have = _by_port(every[name], design.ports)
        lost = [port for port in want if port not in have and _used_beyond(port, design, every, designs)]
        if lost and len(lost) < len(want):
            few = f"uses {len(want) - len(lost)} of its {len(want)} links to switches; not {_listed(lost)}"
            yield Finding("asymmetric-ecmp", name, "", few, "both ends use all of them")


def _used_beyond(
    port: str, design: DeviceFacts, every: Mapping[str, DeviceFacts], designs: Mapping[str, DeviceFacts]
) -> bool:
    """Whether the other end of a port has its session."""
    peer, _, far = (design.ports[port].says or "").partition(":")
    return peer in every and far in _by_port(every[peer], designs[peer].ports)


def _by_port(facts: DeviceFacts, ports: Mapping[str, PortFacts]) -> dict[str, NeighbourFacts]:
    """Return the sessions that are up by port."""
    owner = _owners(ports)
    return {owner.get(at, at): session for at, session in facts.neighbours.items() if session.up}


def _owners(ports: Mapping[str, PortFacts]) -> dict[str, str]:
    """Return the port of every neighbour's address: it is the other of the port's /31."""
    return {_other_of_31(address): port for port, want in ports.items() for address in want.addresses}


def _other_of_31(address: str) -> str:
    text = address.split("/")[0]
    head, _, last = text.rpartition(".")
    return f"{head}.{int(last) ^ 1}"


def _in_use(port: PortFacts) -> bool:
    return bool(port.says or port.addresses)


def _port(name: str, port: str, found: PortFacts, want: PortFacts, untold: Iterable[str]) -> Iterator[Finding]:
    if found.says is not None and found.says != want.says:
        yield Finding("wrong-cable", name, port, f"leads to {found.says}", str(want.says))
    if found.addresses != want.addresses:
        yield Finding("address", name, port, f"has {_listed(found.addresses)}", _listed(want.addresses))
    if "mtu" not in untold and found.mtu != want.mtu:
        yield Finding("mtu", name, port, f"has MTU {_said(found.mtu)}", str(want.mtu))
    if "speed" not in untold and found.speed_mbps != want.speed_mbps:
        yield Finding("speed", name, port, f"runs at {_said(found.speed_mbps)} Mb/s", f"{want.speed_mbps} Mb/s")
    if "qos" not in untold:
        yield from _qos(name, port, found, want)


def _qos(name: str, port: str, found: PortFacts, want: PortFacts) -> Iterator[Finding]:
    if _numbers(found.pfc) != _numbers(want.pfc):
        yield Finding("qos-pfc", name, port, f"pauses priorities {_said(found.pfc)}", _said(want.pfc))
    ours, theirs = want.classes or {}, found.classes or {}
    other = sorted(point for point in ours if theirs.get(point) != ours[point])
    if other:
        have, wanted = theirs.get(other[0]), ours[other[0]]
        more = f" (and {len(other) - 1} more code points)" if len(other) > 1 else ""
        yield Finding("qos-dscp", name, port, f"DSCP {other[0]} has {_class(have)}{more}", _class(wanted))
    for queue, marks in want.marks.items():
        if found.marks.get(queue) != marks:
            what = f"queue {queue} is marked {_marks(found.marks.get(queue))}"
            yield Finding("qos-ecn", name, port, what, _marks(marks))
    for group, room in want.headroom_bytes.items():
        if found.headroom_bytes.get(group, 0) < room:
            what = f"priority group {group} has {found.headroom_bytes.get(group, 0)} bytes of headroom"
            yield Finding("qos-headroom", name, port, what, f"{room} bytes")


def _neighbours(found: DeviceFacts, design: DeviceFacts) -> Iterator[Finding]:
    name = design.hostname
    owner = _owners(design.ports)
    for address, want in design.neighbours.items():
        have, at = found.neighbours.get(address), owner.get(address, address)
        if have is None or not have.up:
            what = "has no BGP session" if have is None else "its BGP session is shut down"
            yield Finding("missing-neighbour", name, at, what, f"one with AS {want.asn}")
            continue
        if have.asn is not None and have.asn != want.asn:
            yield Finding("asn", name, at, f"its neighbour is AS {have.asn}", f"AS {want.asn}")
        if have.bfd != want.bfd:
            yield Finding("bfd", name, at, f"BFD is {_on(have.bfd)}", f"it is {_on(want.bfd)}")
    for at in sorted(found.neighbours.keys() - design.neighbours.keys()):
        yield Finding("unknown-neighbour", name, at, "is no neighbour of the design, but has a BGP session", "none")


def _whole(found: DeviceFacts, design: DeviceFacts) -> Iterator[Finding]:
    name = design.hostname
    if found.asn != design.asn:
        yield Finding("asn", name, "", f"is AS {_said(found.asn)}", f"AS {design.asn}")
    if not design.loopbacks <= found.loopbacks:
        yield Finding("address", name, "", f"loopback has {_listed(found.loopbacks)}", _listed(design.loopbacks))
    for prefix in sorted(design.announced - found.announced):
        yield Finding("announcement", name, "", f"does not announce {prefix}", "it does")
    for prefix in sorted(found.announced - design.announced):
        yield Finding("announcement", name, "", f"announces {prefix}", "it does not")
    if found.paths < design.paths:
        yield Finding("asymmetric-ecmp", name, "", f"uses {found.paths} equal paths at most", f"{design.paths}")
    if not found.relaxed:
        what = "wants one AS path of all equal paths (no multipath-relax)"
        yield Finding("asymmetric-ecmp", name, "", what, "any of one length will do")
    timed = "bfd_timers" not in found.untold and any(session.bfd for session in found.neighbours.values())
    if timed and design.bfd_timers is not None and found.bfd_timers != design.bfd_timers:
        yield Finding("bfd", name, "", _timers(found.bfd_timers), _timers(design.bfd_timers))


def _numbers(text: str | None) -> list[str]:
    return sorted(text.split(",")) if text else []


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or _NOTHING


def _said(value: Any) -> str:
    return _NOTHING if value is None else str(value)


def _on(bfd: bool) -> str:
    return "on" if bfd else "off"


def _class(where: tuple[str, str, str] | None) -> str:
    return "no class" if where is None else f"class {where[0]}, queue {where[1]}, priority group {where[2]}"


def _marks(marks: tuple[int, int, int] | None) -> str:
    return "never" if marks is None else f"from {marks[0]} to {marks[1]} bytes, up to {marks[2]}%"


def _timers(timers: tuple[int, int] | None) -> str:
    return _NOTHING if timers is None else f"BFD packets each {timers[0]} ms, {timers[1]} lost are too many"
