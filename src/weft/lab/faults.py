"""Breaks a lab the ways networks break, and mends it. What is broken is read from the kernel, never from a file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from weft.errors import ConfigError
from weft.lab import namespace, node_setup
from weft.lab.backend import Noticing, Told
from weft.lab.kernel_southbound import restore_port
from weft.lab.lab import Lab
from weft.lab.netlink import Message
from weft.lab.netlink.links import set_link
from weft.lab.netlink.queues import hear, silence
from weft.lab.plan import LabLink, LabNode

_LEAST_SHARE = 0.001
_NOTICED_WITHIN_S = 5.0  # milliseconds, unless another end of the link is still broken


def cut(lab: Lab, link: LabLink) -> None:
    """Cut a cable: both ends lose carrier, and both kernels forget the routes by it."""
    # One end down takes the other's carrier; through a long link's glass that does not show.
    for node, port in _both(link) if link.delay_s else _both(link)[1:]:
        lab.sockets[node].do([set_link(lab.index(node, port), port, up=False)])
    _tell(lab, [link])
    lab.note("link cut", **_ends(link))


def silent(lab: Lab, link: LabLink) -> None:
    """Lose all packets of a link both ways while its carrier stays: they are counted as sent, and none arrives."""
    for node, port in _both(link):
        lab.sockets[node].do(silence(lab.index(node, port), port))
    lab.note("link silent", **_ends(link))


def degrade(lab: Lab, link: LabLink, share: float) -> None:
    """Leave a link only a share of its rate, both ways.

    Raises:
        ConfigError: the share is not above 0 and at most 1.
    """
    if not _LEAST_SHARE <= share <= 1:
        raise ConfigError(f"a degraded link keeps between 0.1% and 100% of its rate, not {share:.4%}", field="--to")
    for node, port in _both(link):
        lab.sockets[node].do([_shaped(lab, lab.plan.by_name[node], port, share)])
    lab.note("link degraded", share=share, **_ends(link))


def heal(lab: Lab, link: LabLink) -> None:
    """Undo whatever was done to a link; its ports and their routes come back."""
    _heal(lab, [link])
    lab.note("link healed", **_ends(link))


def flap(lab: Lab, link: LabLink, period_s: float, times: int, pause: Callable[[float], object] = time.sleep) -> None:
    """Cut and heal a link over and over: half of each period it is down. It is whole at the end, also if interrupted.

    Raises:
        ConfigError: a period that is not above 0, or no times.
    """
    if period_s <= 0 or times < 1:
        raise ConfigError("a link flaps at least once, with a period above 0s", field="--period")
    try:
        for _ in range(times):
            cut(lab, link)
            pause(period_s / 2)
            heal(lab, link)
            pause(period_s / 2)
    finally:
        heal(lab, link)


def stop_node(lab: Lab, node: LabNode) -> None:
    """Take a node off the network, all its ports at once. Of a host, all processes end at once as well."""
    messages = [set_link(node.index(place), port.name, up=False) for place, port in enumerate(node.ports)]
    lab.sockets[node.name].do(messages)
    for link in lab.plan.long_links:
        if node.name in (link.a, link.b):
            far, port = _both(link)[link.a == node.name]
            lab.sockets[far].do([set_link(lab.index(far, port), port, up=False)])
    _tell(lab, [link for link in lab.plan.links if node.name in (link.a, link.b)])
    if node.role == "host":
        for pid in namespace.processes([lab.namespace(node.name)]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    lab.note(f"{node.role} lost", node=node.name)


def heal_node(lab: Lab, node: LabNode) -> None:
    """Bring a node's ports and its links back."""
    _heal(lab, [link for link in lab.plan.links if node.name in (link.a, link.b)])
    lab.note(f"{node.role} healed", node=node.name)


def heal_all(lab: Lab) -> None:
    """Undo everything that was done to any link or node."""
    _heal(lab, lab.plan.links)
    lab.note("all healed")


def _heal(lab: Lab, links: Iterable[LabLink]) -> None:
    """Mend links: first both ends of all come up, then the routes by them come back."""
    ends = [end for link in links for end in _both(link)]
    noticing = isinstance(lab.backend, Noticing)
    by_node: dict[str, list[Message]] = {}
    for name, port in ends:
        node = lab.plan.by_name[name]
        index = lab.index(name, port)
        again = by_node.setdefault(name, [])
        again += silence(index, port) if noticing else [hear(index, port)]
        again += [_shaped(lab, node, port, 1.0), set_link(index, port, up=True)]
    for name, messages in by_node.items():
        lab.sockets[name].do(messages)
    if isinstance(lab.backend, Noticing):
        switch_ends = [end for end in ends if lab.plan.by_name[end[0]].role == "switch"]
        _until_noticed(lab, lab.backend, switch_ends)
        for name, port in ends:
            lab.sockets[name].do([hear(lab.index(name, port), port)])
    for name, port in ends:
        if lab.plan.by_name[name].role == "host":
            restore_port(lab, name, port)
        else:
            lab.backend.restore(lab, name, port)


def _until_noticed(lab: Lab, backend: Noticing, ends: Iterable[tuple[str, str]]) -> None:
    """Wait until switches know that their ports are up, or for so long that they never will."""
    end_s = time.monotonic() + _NOTICED_WITHIN_S
    for name, port in ends:
        while not backend.noticed(lab, name, port) and time.monotonic() < end_s:
            time.sleep(0.005)


def _tell(lab: Lab, links: Iterable[LabLink]) -> None:
    """Tell switches that cannot see it that links are down."""
    if isinstance(lab.backend, Told):
        for node, port in (end for link in links for end in _both(link)):
            if lab.plan.by_name[node].role == "switch":
                lab.backend.lost(lab, node, port)


def _shaped(lab: Lab, node: LabNode, port: str, share: float) -> Message:
    return node_setup.shaped(lab.plan, node, node.place(port), share)


def _both(link: LabLink) -> tuple[tuple[str, str], tuple[str, str]]:
    return (link.a, link.a_port), (link.b, link.b_port)


def _ends(link: LabLink) -> dict[str, str]:
    return {"a": f"{link.a}:{link.a_port}", "b": f"{link.b}:{link.b_port}"}
