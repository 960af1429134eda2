"""What a controller believes about links, from what devices say: down, silent, slow, and when silence is not believed.

A link is dead where a port lost carrier, or where heartbeats stopped on it. Heartbeats that stop on many links at once
say more about whoever counts them, a process that got no processor time, than about links: those are doubted, and
packets may use all links again until heartbeats return. What stays silent after that is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weft.control.southbound import Change, Event
from weft.underlay import Port, Role, Underlay

#: More than this share of links silent within one window is not believed: one of two spines lost is exactly half.
DOUBTED_SHARE = 0.5

#: A port: number of its device, and its name.
End = tuple[int, str]


def cable_of(port: Port) -> int:
    """Return the number by which a link is known: its cable, or the lower of two that an optical circuit joins."""
    return min(port.cable, port.far_cable)


@dataclass
class Links:
    """Beliefs about the links between switches and to hosts.

    Attributes:
        underlay: whose links.
        window_s: silences that begin within so long of each other count as one occasion.
        doubted_share: more than this share of links in one occasion is not believed.
        down: by cable, the ports that lost carrier, and when.
        silent: by cable, the ports that hear nothing, and since when.
        slow: by cable, the ports that carry less than they should, and what is left of their rate.
        doubted: cables whose silence is not believed.
    """

    underlay: Underlay
    window_s: float = 0.1
    doubted_share: float = DOUBTED_SHARE
    down: dict[int, dict[End, float]] = field(default_factory=dict)
    silent: dict[int, dict[End, float]] = field(default_factory=dict)
    slow: dict[int, dict[End, float]] = field(default_factory=dict)
    doubted: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ports = {(device.hostname, port.name): port for device in self.underlay.devices for port in device.ports}
        switches = [port for device in self.underlay.switches for port in device.ports if port.faces is Role.SWITCH]
        self._count = len({cable_of(port) for port in switches})
        self._last_silence_s = float("-inf")

    def take(self, event: Event) -> bool:
        """Take in what a device noticed; whether it told of a port that is known."""
        port = self._ports.get((event.device, event.port))
        if port is None:
            return False
        cable, end = cable_of(port), (port.device, port.name)
        if event.change is Change.DOWN:
            self.down.setdefault(cable, {}).setdefault(end, event.time_s)
        elif event.change is Change.UP:
            _leave(self.down, cable, end)
        elif event.change is Change.SILENT:
            self.silent.setdefault(cable, {}).setdefault(end, event.time_s)
            self._last_silence_s = max(self._last_silence_s, event.time_s)
        elif event.change is Change.HEARD:
            _leave(self.silent, cable, end)
        elif event.share < 1:
            self.slow.setdefault(cable, {})[end] = event.share
        else:
            _leave(self.slow, cable, end)
        return True

    def shares(self) -> dict[int, float]:
        """Return by cable what is left of its rate, of those that are slow; of its two ways the slower counts."""
        return {cable: min(ends.values()) for cable, ends in self.slow.items()}

    def dead(self, now_s: float) -> set[int]:
        """Return the cables not to be used at a time; settles which silences are believed."""
        most = self.doubted_share * self._count
        fresh = {cable for cable, ends in self.silent.items() if now_s - max(ends.values()) <= self.window_s}
        fresh -= self.down.keys()
        if len(fresh | (self.doubted & self.silent.keys())) > most:
            self.doubted |= fresh
        else:
            # Few enough are left, and nothing fell silent for a while: whoever counts has its breath back
            quiet = now_s - self._last_silence_s > self.window_s
            self.doubted = set() if quiet else self.doubted & self.silent.keys()
        return self.down.keys() | (self.silent.keys() - self.doubted)


def _leave(ends_of: dict[int, dict[End, float]], cable: int, end: End) -> None:
    """Take an end off a cable; the cable too where it was the last."""
    ends = ends_of.get(cable, {})
    ends.pop(end, None)
    if not ends:
        ends_of.pop(cable, None)
