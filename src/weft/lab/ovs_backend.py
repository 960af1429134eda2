"""Switches that are Open vSwitch: OpenFlow select groups over the five-tuple, in its userspace datapath.

Every switch has an Open vSwitch of its own in its namespace, with the ports that the namespace has. A bucket watches
its port, so a near cut is gone round without anyone's help. Flows rewrite hardware addresses and count the TTL down.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from weft.lab.lab import Lab
from weft.lab.offloads import switch_off
from weft.lab.ovs_southbound import OvsSouthbound
from weft.lab.ovs_switch import OvsSwitch
from weft.lab.probe import lacking


class OvsBackend:
    """One Open vSwitch a switch, with a select group a destination."""

    name = "ovs"
    kernel_switches = False
    link_local = False

    def missing(self) -> Sequence[str]:
        """Say what this machine lacks."""
        return lacking(["root", "namespaces", "veth", "tbf", "nexthops", "hash", "tun", "ovs"])

    def start(self, lab: Lab) -> None:
        """Start the switches, two at a time, and give them groups and flows.

        Raises:
            InfeasibleError: one of them does not start or refuses.
        """
        switch_off(lab)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda switch: OvsSwitch(lab, switch).start(), lab.plan.switches))

    def stop(self, lab: Lab) -> None:
        """Nothing: its processes end with the lab."""

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Nothing: groups watch their ports."""

    def southbound(self, lab: Lab) -> OvsSouthbound:
        """Return how a controller steers it."""
        return OvsSouthbound(lab)
