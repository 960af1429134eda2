"""Switches that are the Linux kernel's own: next-hop groups as the design has them, replaced by a controller."""

from __future__ import annotations

from collections.abc import Sequence

from weft.lab import node_setup
from weft.lab.kernel_southbound import KernelSouthbound, restore_port
from weft.lab.lab import Lab
from weft.lab.probe import lacking


class KernelBackend:
    """One next-hop group a device and destination; the fabric's ECMP by the kernel's hash over the five-tuple."""

    name = "kernel"
    kernel_switches = True
    link_local = False

    def missing(self) -> Sequence[str]:
        """Say what this machine lacks."""
        return lacking(["root", "namespaces", "veth", "tbf", "nexthops", "hash"])

    def start(self, lab: Lab) -> None:
        """Give every switch its groups and routes."""
        for switch in lab.plan.switches:
            lab.sockets[switch.name].do(list(node_setup.designed_routes(lab.plan, switch)))

    def stop(self, lab: Lab) -> None:
        """Nothing: groups go with their namespace."""

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Make the port's next hop again, and put it back into the groups that lost it."""
        restore_port(lab, node, port)

    def southbound(self, lab: Lab) -> KernelSouthbound:
        """Return how a controller steers it."""
        return KernelSouthbound(lab)
