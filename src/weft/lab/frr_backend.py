"""Switches that run FRR: zebra, bgpd and bfdd in every switch's namespace, configured by what ``weft export`` writes.

The configuration is the exported text to the last byte, so what converges here is what the files would make of real
switches, but for their hardware. The switches steer themselves: no controller has a say.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weft.errors import InfeasibleError
from weft.export.configs.frr import frr_conf
from weft.lab import frr_daemons as daemons
from weft.lab.probe import lacking
from weft.underlay import next_hops

if TYPE_CHECKING:
    from weft.lab.lab import Lab

Sets = dict[tuple[str, str], frozenset[str]]  # (switch, destination switch): the ports that it sends by
_POLL_s = 0.1
SETTLE_s = 60.0  # a dozen switches take four seconds alone on two cores; those of a busy machine several times that


class FrrBackend:
    """eBGP and BFD as designed, over the lab's links."""

    def __init__(self, settle_s: float = SETTLE_s) -> None:
        """Wait so long for all routes when a lab is brought up; 0 not to wait, and to call `wait_converged` later."""
        self.settle_s = settle_s

    name = "frr"
    kernel_switches = False  # zebra gives the ports their addresses
    link_local = True

    def missing(self) -> Sequence[str]:
        """Say what this machine lacks."""
        return lacking(["root", "namespaces", "veth", "tbf", "nexthops", "hash", "frr"])

    def start(self, lab: Lab) -> None:
        """Start and configure the daemons of every switch, all side by side, and wait until all routes are there.

        Raises:
            InfeasibleError: a daemon does not start, or refuses the configuration, or a route does not come.
        """
        underlay = lab.underlay
        folders = {switch.name: folder_of(lab, switch.name) for switch in lab.plan.switches}
        for name, folder in folders.items():
            daemons.make_folder(folder, frr_conf(underlay, underlay.device(name)))
        for daemon in daemons.DAEMONS:
            self._everywhere(lab, daemon, {name: daemons.command(daemon, at) for name, at in folders.items()})
        self._everywhere(lab, "vtysh", {name: daemons.configure(at) for name, at in folders.items()})
        if self.settle_s:
            lab.note("routes settled", after_s=round(wait_converged(lab, self.settle_s), 3))

    def stop(self, lab: Lab) -> None:
        """End the daemons."""
        daemons.end([folder_of(lab, switch.name) for switch in lab.plan.switches])

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Nothing: zebra notices that a port is back, and BGP that its neighbour is."""

    def noticed(self, lab: Lab, node: str, port: str) -> bool:
        """Return whether zebra knows that a port is up."""
        told = daemons.ask_json(folder_of(lab, node), "zebra", f"show interface {port} json")
        return bool(told.get(port, {}).get("operationalStatus") == "up")

    def settle(self, lab: Lab) -> None:
        """Wait until BGP has settled on the design's routes."""
        wait_converged(lab, self.settle_s or SETTLE_s)

    def southbound(self, lab: Lab) -> None:
        """Nobody steers it from outside."""
        return

    def _everywhere(self, lab: Lab, what: str, commands: Mapping[str, list[str]]) -> None:
        running = {
            node: lab.spawn(
                node,
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if what == "vtysh" else subprocess.DEVNULL,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for node, line in commands.items()
        }
        daemons.wait_for(running, what)


def folder_of(lab: Lab, switch: str) -> Path:
    """Return where a switch's configuration, sockets and logs are."""
    return Path(lab.folder) / "frr" / switch


def designed_sets(lab: Lab, dead: Collection[int] = ()) -> Sets:
    """Return the ports that the design predicts, for every switch and destination that it reaches.

    Args:
        lab: whose.
        dead: cables that are down.
    """
    underlay = lab.underlay
    routes = next_hops(underlay, dead)
    found = {}
    for number in routes.hops:
        destination = underlay.devices[number]
        for device in underlay.switches:
            if device is not destination and (ports := routes.next_hops(device, destination)):
                found[device.hostname, destination.hostname] = frozenset(port.name for port in ports)
    return found


def ecmp_sets(lab: Lab) -> Sets:
    """Return the ports that FRR has put into the kernel, for every switch and destination that it reaches.

    Raises:
        InfeasibleError: a daemon does not answer.
    """
    destinations = {switch.prefix: switch.name for switch in lab.plan.switches if switch.prefix}
    found = {}
    for switch in lab.plan.switches:
        routes = daemons.ask_json(folder_of(lab, switch.name), "zebra", "show ip route json")
        for prefix, entries in routes.items():
            chosen = [entry for entry in entries if entry.get("selected") and entry.get("installed")]
            if prefix in destinations and chosen:
                hops = [hop for hop in chosen[0]["nexthops"] if hop.get("fib")]
                found[switch.name, destinations[prefix]] = frozenset(hop["interfaceName"] for hop in hops)
    return found


def wait_converged(lab: Lab, timeout_s: float, dead: Collection[int] = ()) -> float:
    """Wait until every switch sends to every destination as the design predicts; return how long that took, seconds.

    Args:
        lab: whose switches run FRR.
        timeout_s: how long at most.
        dead: cables that are down.

    Raises:
        InfeasibleError: it took longer; names one switch, what it does and what the design says.
    """
    design = designed_sets(lab, dead)
    begun = time.monotonic()
    while (found := ecmp_sets(lab)) != design:
        took_s = time.monotonic() - begun
        if took_s > timeout_s:
            wrong = sorted(pair for pair in {*design, *found} if design.get(pair) != found.get(pair))
            switch, destination = wrong[0]
            have, want = (", ".join(sorted(sets.get(wrong[0], ()))) or "no port" for sets in (found, design))
            raise InfeasibleError(
                f"after {timeout_s:g} s, {len(wrong)} of {len(design)} routes are not as designed: {switch} sends to "
                f"{destination} by {have}, the design says {want}"
            )
        time.sleep(_POLL_s)
    return time.monotonic() - begun
