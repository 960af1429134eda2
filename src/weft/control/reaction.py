"""The reaction loop: a link fails, the groups of next hops that it concerns are replaced, and nothing else.

It fails open. A device that would be left with no next hop keeps the group it has, since a wrong belief then costs
nothing and a right one has nothing to lose. When heartbeats stop on most links at once, they are not believed
(`weft.control.links`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weft.control.groups import Hops, Wanted
from weft.control.links import Links
from weft.control.southbound import Ack, Event, Group, Southbound
from weft.underlay import Underlay


@dataclass(frozen=True, slots=True)
class Reacted:
    """One reaction: to all events that came together.

    Attributes:
        events: what was noticed, in order of time.
        began_s: time of the first of them, on the southbound's clock.
        decided_s: when the new groups were known.
        acknowledged_s: when all had been answered.
        destinations: how many destinations had a group changed.
        replaced: groups that devices said are in place.
        kept: groups left as they were because nothing else was left.
        failed: answers of groups that are not in place after all tries; they are tried again in the next round.
        doubted: links whose silence was not believed.
    """

    events: tuple[Event, ...]
    began_s: float
    decided_s: float
    acknowledged_s: float
    destinations: int
    replaced: int
    kept: int
    failed: tuple[Ack, ...]
    doubted: int


@dataclass
class Reaction:
    """Keeps the groups of a network in step with its links.

    Attributes:
        underlay: the network as designed.
        southbound: the network as it is.
        tries: how often a group is sent before its device counts as failed in a round.
        window_s: silences of one occasion, see `Links`.
        log: every reaction so far, oldest first.
    """

    underlay: Underlay
    southbound: Southbound
    tries: int = 3
    window_s: float = 0.1
    log: list[Reacted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.links = Links(self.underlay, self.window_s)
        self.wanted = Wanted(self.underlay)
        self.unknown: list[Event] = []  # events of ports that the design does not have
        self._held: dict[tuple[str, str], Hops] = {}
        for group in self.southbound.groups():
            self._held[group.device, group.destination] = group.hops
        self._owed: dict[tuple[str, str], Group] = {}  # failed, to be sent again

    def run(self, until_s: float) -> None:
        """React until a time on the southbound's clock."""
        while (now_s := self.southbound.now_s()) < until_s:
            self.step(min(until_s - now_s, self.window_s))

    def step(self, timeout_s: float) -> Reacted | None:
        """Wait for events at most so long and react; return what was done, None where nothing was to do."""
        events = [event for event in self.southbound.events(timeout_s) if self._known(event)]
        dead, slow = self.links.dead(self.southbound.now_s()), self.links.shares()
        if not events and not self._owed and dead == self.wanted.dead:
            return None
        changed, kept = self._changed(dead, slow)
        decided_s = self.southbound.now_s()
        failed = self._replace([*changed.values()])
        reacted = Reacted(
            tuple(events),
            events[0].time_s if events else decided_s,
            decided_s,
            self.southbound.now_s(),
            len({destination for _, destination in changed}),
            len(changed) - len(failed),
            kept,
            tuple(failed),
            len(self.links.doubted),
        )
        self.log.append(reacted)
        return reacted

    def table(self) -> dict[str, list[float | int | str]]:
        """Return the log as columns, one row an event; reactions without an event (retries, doubts) have one too."""
        rows = [(reacted, event) for reacted in self.log for event in (reacted.events or (None,))]
        return {
            "event_s": [event.time_s if event else r.began_s for r, event in rows],
            "device": [event.device if event else "" for _, event in rows],
            "port": [event.port if event else "" for _, event in rows],
            "change": [event.change.value if event else "" for _, event in rows],
            "decided_s": [r.decided_s for r, _ in rows],
            "acknowledged_s": [r.acknowledged_s for r, _ in rows],
            "destinations": [r.destinations for r, _ in rows],
            "groups_replaced": [r.replaced for r, _ in rows],
            "groups_kept": [r.kept for r, _ in rows],
            "groups_failed": [len(r.failed) for r, _ in rows],
            "links_doubted": [r.doubted for r, _ in rows],
        }

    def _known(self, event: Event) -> bool:
        if not self.links.take(event):
            self.unknown.append(event)
            return False
        return True

    def _changed(self, dead: set[int], slow: dict[int, float]) -> tuple[dict[tuple[str, str], Group], int]:
        """Return the groups to be put in place, those owed from before among them, and how many are kept for want."""
        changed, self._owed = self._owed, {}
        needed = self.wanted.change(dead, slow)
        for group in needed.groups:
            key = group.device, group.destination
            if key not in self._held:
                continue  # not under control: a host with one port, a device of another's
            if self._held[key] != group.hops:
                changed[key] = group
            else:
                changed.pop(key, None)
        for key in needed.cut:
            changed.pop(key, None)
        return changed, sum(key in self._held for key in needed.cut)

    def _replace(self, groups: Sequence[Group]) -> list[Ack]:
        """Put groups in place; return the last answers of those that did not get there."""
        failed: list[Ack] = []
        for _ in range(self.tries):
            if not groups:
                return []
            failed = []
            for ack in self.southbound.replace(groups):
                if ack.error:
                    failed.append(ack)
                else:
                    self._held[ack.group.device, ack.group.destination] = ack.group.hops
            groups = [ack.group for ack in failed]
        self._owed.update({(group.device, group.destination): group for group in groups})
        return failed
