"""Reads FRR's integrated configuration, and the ifupdown2 file beside it.

Only what the design has something to say about is read; all else passes. A peer group's settings hold for its members.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weft.drift.facts import DeviceFacts, NeighbourFacts, NotReadable, PortFacts

_TOP = ("interface", "router", "bfd", "hostname", "frr", "service", "ip", "route-map", "log", "line", "password")


@dataclass
class _Session:
    """What is written about one neighbour or peer group."""

    words: dict[str, str] = field(default_factory=dict)
    group: str | None = None
    is_group: bool = False


def read_frr(text: str, interfaces: str | None) -> DeviceFacts:
    """Return what an ``frr.conf`` says, with MTU and speed from the ifupdown2 file where there is one.

    Raises:
        NotReadable: it is no FRR configuration, or a number in it is none.
    """
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        try:
            reader.take(line)
        except (ValueError, IndexError):
            raise NotReadable(f"line {number} is not FRR's: {line.strip()!r}") from None
    if not reader.known:
        raise NotReadable("it has no line that FRR knows")
    found = reader.facts()
    if interfaces is None:
        found.untold |= {"mtu", "speed"}
    else:
        _read_interfaces(interfaces, found)
    return found


class _Reader:
    def __init__(self) -> None:
        self.found = DeviceFacts("", untold=frozenset({"qos"}))
        self.sessions: dict[str, _Session] = {}
        self.profiles: dict[str, dict[str, int]] = {}
        self.announced: set[str] = set()
        self.context: tuple[str, ...] = ()
        self.redistributed = False
        self.known = 0

    def take(self, line: str) -> None:
        """Read one line."""
        words = line.split()
        if not words or words[0].startswith(("!", "#")):
            return
        if not line[0].isspace():
            self.context = ()
            self.known += words[0] in _TOP
        match words:
            case ["exit" | "end" | "exit-address-family"]:
                self.context = self.context[:1] if words[0] == "exit-address-family" else ()
            case ["hostname", name]:
                self.found.hostname = name
            case ["interface", name, *_]:
                self.context = ("interface", name)
            case ["router", "bgp", asn, *_]:
                self.context = ("bgp",)
                self.found.asn = int(asn)
            case ["bfd"]:
                self.context = ("bfd",)
            case ["router" | "route-map" | "line", *_]:
                self.context = ("other",)
            case _ if self.context[:1] == ("interface",):
                self._interface(self.context[1], words)
            case _ if self.context[:1] == ("bgp",):
                self._bgp(words)
            case _ if self.context[:1] == ("bfd",):
                self._bfd(words)

    def _interface(self, name: str, words: list[str]) -> None:
        if name == "lo":
            if words[:2] == ["ip", "address"]:
                self.found.loopbacks |= {words[2]}
            return
        port = self.found.ports.setdefault(name, PortFacts())
        match words:
            case ["description", *rest]:
                port.says = " ".join(rest)
            case ["ip", "address", address, *_]:
                port.addresses |= {address}

    def _bgp(self, words: list[str]) -> None:
        match words:
            case ["bgp", "bestpath", "as-path", "multipath-relax", *_]:
                self.found.relaxed = True
            case ["maximum-paths", number]:
                self.found.paths = int(number)
            case ["network" | "aggregate-address", prefix, *_]:
                self.announced.add(prefix)
            case ["redistribute", "connected", *_]:
                self.redistributed = True
            case ["neighbor", name, "peer-group"]:
                self.sessions.setdefault(name, _Session()).is_group = True
            case ["neighbor", name, *rest]:
                self._neighbour(self.sessions.setdefault(name, _Session()), rest)

    def _neighbour(self, session: _Session, words: list[str]) -> None:
        match words:
            case ["interface", *rest]:
                self._neighbour(session, [word for word in rest if word != "v6only"])
            case ["remote-as", asn]:
                session.words["remote-as"] = str(int(asn)) if asn not in ("external", "internal") else asn
            case ["peer-group", group]:
                session.group = group
            case ["bfd", "profile", profile]:
                session.words["bfd"] = profile
            case ["bfd", *_]:
                session.words.setdefault("bfd", "")
            case ["shutdown", *_]:
                session.words["shutdown"] = ""

    def _bfd(self, words: list[str]) -> None:
        match words:
            case ["profile", name]:
                self.context = ("bfd", name)
                self.profiles.setdefault(name, {"detect-multiplier": 3, "transmit-interval": 300})  # FRR's defaults
            case [("detect-multiplier" | "transmit-interval") as what, number] if len(self.context) == 2:
                self.profiles[self.context[1]][what] = int(number)
            case ["exit"]:
                self.context = ("bfd",)

    def facts(self) -> DeviceFacts:
        """Return what all lines say together."""
        found = self.found
        found.announced = frozenset(self.announced)
        if self.redistributed:
            found.announced |= found.loopbacks
        used = set()
        for name, session in self.sessions.items():
            if session.is_group:
                continue
            group = self.sessions.get(session.group or "", _Session())
            words = {**group.words, **session.words}
            asn = words.get("remote-as", "")
            if not asn:
                continue  # without it FRR has no session
            found.neighbours[name] = NeighbourFacts(
                int(asn) if asn.isdigit() else None if asn == "external" else found.asn,
                "bfd" in words,
                "shutdown" not in words,
            )
            if "bfd" in words:
                used.add(words["bfd"])
        timers = [self.profiles[name] for name in sorted(used) if name in self.profiles]
        if timers:
            found.bfd_timers = (timers[0]["transmit-interval"], timers[0]["detect-multiplier"])
        elif used:
            found.bfd_timers = (300, 3)
        return found


def _read_interfaces(text: str, found: DeviceFacts) -> None:
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case ["iface", name, *_]:
                pass
            case [("mtu" | "link-speed") as what, value] if name in found.ports:
                if not value.isdigit():
                    raise NotReadable(f"line {number} of its interfaces file has no number: {line.strip()!r}")
                if what == "mtu":
                    found.ports[name].mtu = int(value)
                else:
                    found.ports[name].speed_mbps = int(value)
