"""A controller's way to a lab of kernel switches: link events of all namespaces up, next-hop groups down."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from weft.control import Ack, Change, Event, Group
from weft.lab import namespace, node_setup
from weft.lab.lab import Lab
from weft.lab.netlink import Message, Netlink
from weft.lab.netlink.links import GROUP_LINK, links
from weft.lab.netlink.monitor import Monitor
from weft.lab.netlink.nexthops import MAX_WEIGHT, nexthops
from weft.lab.plan import LabNode, LabPlan
from weft.lab.state import Owner

_HELD = "southbound.json"


class KernelSouthbound:
    """Implements `weft.control.Southbound`. While one is open, it alone restores groups of ports that come back."""

    def __init__(self, lab: Lab, nodes: Collection[str] | None = None) -> None:
        """Listen to the links of all nodes.

        Args:
            lab: it.
            nodes: those whose kernels forward; default all. Of others only link events are told.
        """
        self._lab = lab
        self._nodes = frozenset(lab.plan.by_name if nodes is None else nodes)
        self._wanted = {(group.device, group.destination): group for group in self.groups()}
        sockets = {name: _listening(lab, name) for name in lab.plan.by_name}
        self._monitor = Monitor(sockets)
        self._ports = {
            name: {node.index(place): port.name for place, port in enumerate(node.ports)}
            for name, node in lab.plan.by_name.items()
        }
        self._carrier = {
            (name, state.index): state.carrier for name, socket in lab.sockets.items() for state in links(socket)
        }
        self._held = Path(lab.folder, _HELD)
        self._held.write_text(json.dumps(asdict(Owner.this())))

    def close(self) -> None:
        """Stop listening; the lab stays."""
        self._monitor.close()
        with contextlib.suppress(OSError):
            os.unlink(self._held)

    def __enter__(self) -> KernelSouthbound:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def now_s(self) -> float:
        """The clock of its events: seconds since the machine started."""
        return time.monotonic()

    def groups(self) -> Sequence[Group]:
        """All groups as the kernels have them now."""
        mine = (node for node in self._lab.plan.nodes if node.name in self._nodes)
        return [group for node in mine for group in groups_of(self._lab, node).values()]

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Wait for links to lose or gain carrier, at most so long.

        A port that came back has its next hop and its groups again by the time its event is returned.
        """
        found = []
        for device, state in self._monitor.wait(timeout_s):
            port = self._ports[device].get(state.index)
            if port is None or self._carrier.get((device, state.index)) == state.carrier:
                continue
            self._carrier[device, state.index] = state.carrier
            if state.carrier and device in self._nodes:
                restore_port(self._lab, device, port, self._wanted)
            change = Change.UP if state.carrier else Change.DOWN
            found.append(Event(self.now_s(), device, port, change, float(state.carrier)))
        return found

    def replace(self, groups: Sequence[Group]) -> Sequence[Ack]:
        """Replace groups, each acknowledged by the kernel that forwards by it."""
        batches: dict[str, list[tuple[int, list[Message]]]] = defaultdict(list)
        acks = [Ack(group) for group in groups]
        for number, group in enumerate(groups):
            error = complaint(self._lab.plan, group)
            if error:
                acks[number] = Ack(group, error)
                continue
            node = self._lab.plan.by_name[group.device]
            messages = list(node_setup.group(self._lab.plan, node, group.destination, group.hops))
            batches[group.device].append((number, messages))
        for device, batch in batches.items():
            answers = iter(self._lab.sockets[device].attempt([message for _, mine in batch for message in mine]))
            for number, mine in batch:
                errors = [answer for answer in (next(answers) for _ in mine) if answer is not None]
                group = groups[number]
                if errors:
                    acks[number] = Ack(group, str(errors[0]))
                else:
                    self._wanted[group.device, group.destination] = group
        return acks


def complaint(plan: LabPlan, group: Group) -> str:
    """Return why a group cannot be; "" where it can."""
    node, destination = plan.by_name.get(group.device), plan.by_name.get(group.destination)
    if node is None:
        return f"{group.device}: no such device"
    if destination is None or not destination.prefix:
        return f"{group.device}: {group.destination} announces no prefix"
    known = {port.name for port in node.ports}
    for port, weight in group.hops:
        if port not in known:
            return f"{group.device}: no port {port}"
        if not 1 <= weight <= MAX_WEIGHT:
            return f"{group.device}: weight {weight} of {port} is not between 1 and {MAX_WEIGHT}"
    return "" if group.hops else f"{group.device}: a group has at least one next hop"


def groups_of(lab: Lab, node: LabNode) -> dict[str, Group]:
    """Return by destination the groups of a node, as its kernel has them now."""
    found = {}
    for entry in nexthops(lab.sockets[node.name]):
        destination = node_setup.destination_of(lab.plan, entry.id) if entry.group else ""
        if destination:
            hops = tuple((node.ports[hop - 1].name, weight) for hop, weight in sorted(entry.group))
            found[destination] = Group(node.name, destination, hops)
    return found


def restore_port(lab: Lab, device: str, port: str, wanted: Mapping[tuple[str, str], Group] | None = None) -> None:
    """Put back what the kernel forgot of a port that was down: address, neighbour, next hop, its place in groups.

    Args:
        lab: it.
        device: hostname.
        port: that is up again.
        wanted: groups as a controller wants them; default the design's, and none if a controller looks after them.
    """
    node = lab.plan.by_name[device]
    place = node.place(port)
    socket = lab.sockets[device]
    messages = list(node_setup.port_up(node, place, forwards=True))
    socket.attempt([*messages, node_setup.nexthop(node, place)])  # it may be down once more already
    if wanted is None and _is_steered(lab):
        return
    there = {hop.id for hop in nexthops(socket) if not hop.group}
    present = groups_of(lab, node)
    again: list[Message] = []
    for destination, designed in node.routes.items():
        if destination == device:
            continue
        if wanted is None:
            weights = dict.fromkeys(designed, 1) | dict(present[destination].hops if destination in present else ())
        else:
            group = wanted.get((device, destination))
            weights = dict(group.hops) if group else {}
        hops = tuple((name, weight) for name, weight in weights.items() if node.place(name) + 1 in there)
        if port in weights and hops:
            again += node_setup.group(lab.plan, node, destination, hops)
    socket.attempt(again)


def _is_steered(lab: Lab) -> bool:
    """Return whether a living process steers the lab's groups."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Owner(**json.loads(Path(lab.folder, _HELD).read_text())).alive()
    return False


def _listening(lab: Lab, node: str) -> Netlink:
    return namespace.within(lab.namespace(node), lambda: Netlink(node, GROUP_LINK))
