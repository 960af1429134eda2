"""Switches that are whole Linux kernels as processes (User-Mode Linux), for what the machine's own kernel has not.

Each runs in its switch's namespace and takes its ports there by packet sockets. It boots from the machine's own files,
read only, routes by next-hop groups like the kernel backend, and marks packets (RED with ECN) or holds them back
(netem) as it sends. It does not see a port's carrier, so it is told of cuts, through a pipe to its console.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import Lab
from weft.lab.node_setup import HASH, group_id
from weft.lab.offloads import switch_off
from weft.lab.plan import LabNode, prefix_of
from weft.lab.probe import lacking

_MEMORY = "128M"
_PATIENCE_s = 90
_READY = "weft: ready"
# The switch's own queue has to be the one that fills, so it is a little slower than the port's.
_OF_RATE = 0.97
# RED: no marks below one threshold, all above the other, three times as high.
_RED = "limit 400000 min 30000 max 90000 avpkt 1500 burst 34 probability 0.1 ecn"  # burst as the tc-red manual has it
_SCRIPT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mkdir -p /tmp/modules/lib
ln -s /usr/lib/uml/modules /tmp/modules/lib/modules
for module in sch_netem sch_htb sch_red; do modprobe -d /tmp/modules $module; done
set_group() {{
  id=$1; shift; there=
  for hop in "$@"; do ip nexthop get id $hop >/dev/null 2>&1 && there="$there/$hop"; done
  [ -n "$there" ] && ip nexthop replace id $id group ${{there#/}}
}}
{settings}
ip -batch {folder}/setup && echo '{ready}'
while read -r line; do eval "$line"; done
"""


class UmlBackend:
    """One User-Mode Linux a switch."""

    name = "uml"
    kernel_switches = False
    link_local = False

    def __init__(self, *, marks: bool = True, delay_s: float = 0.0) -> None:
        """Make switches that mark packets as queues grow, or that hold every packet back for a while.

        Raises:
            ConfigError: both, or a negative delay.
        """
        if delay_s < 0 or (delay_s and marks):
            raise ConfigError("a User-Mode Linux switch marks packets or delays them, by at least 0 s, not both")
        self.marks, self.delay_s = marks, delay_s

    def missing(self) -> Sequence[str]:
        """Say what this machine lacks."""
        return lacking(["root", "namespaces", "veth", "tbf", "nexthops", "hash", "iproute2", "uml"])

    def start(self, lab: Lab) -> None:
        """Boot all switches.

        Raises:
            InfeasibleError: one of them does not come up.
        """
        switch_off(lab)
        for switch in lab.plan.switches:
            self._boot(lab, switch)
        end_s = time.monotonic() + _PATIENCE_s
        for switch in lab.plan.switches:
            console = _folder(lab, switch.name) / "console"
            while _READY not in console.read_text(errors="replace"):
                if time.monotonic() > end_s:
                    last = console.read_text(errors="replace").strip().splitlines()[-1:]
                    raise InfeasibleError(
                        f"{switch.name}: User-Mode Linux did not come up: {' '.join(last)}; see {console}"
                    )
                time.sleep(0.05)

    def stop(self, lab: Lab) -> None:
        """Nothing: its processes end with the lab."""

    def lost(self, lab: Lab, node: str, port: str) -> None:
        """Tell a switch that a port has no carrier."""
        self._tell(lab, node, f"ip link set vec{lab.plan.by_name[node].place(port)} down")

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Tell a switch that a port is back; it makes its next hop and all groups by it again."""
        switch = lab.plan.by_name[node]
        place = switch.place(port)
        lines = [f"ip {line}" for line in _port_lines(switch, place)]
        for destination, hops in switch.routes.items():
            if destination != node and port in hops:
                ids = [str(switch.place(hop) + 1) for hop in hops]
                number = group_id(lab.plan, destination)
                lines.append(f"set_group {number} {' '.join(ids)}")
                lines.append(f"ip route replace {prefix_of(lab.plan, destination)} nhid {number}")
        self._tell(lab, node, "; ".join(lines))

    def southbound(self, lab: Lab) -> None:
        """There is none: its groups are those of the design."""

    def _boot(self, lab: Lab, switch: LabNode) -> None:
        folder = _folder(lab, switch.name)
        folder.mkdir(parents=True)
        settings = {**HASH, "ipv4/ip_forward": 1, "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0}
        lines = [f"echo {value} > /proc/sys/net/{key}" for key, value in settings.items()]
        lines += [line for place in range(len(switch.ports)) for line in self._queue_lines(switch, place)]
        (folder / "setup").write_text("\n".join(_setup_lines(lab, switch)) + "\n")
        script = folder / "init"
        script.write_text(_SCRIPT.format(settings="\n".join(lines), folder=folder, ready=_READY))
        script.chmod(0o755)
        os.mkfifo(folder / "control", 0o600)
        words = ["linux.uml", f"mem={_MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
        words += [f"init={script}", "con=null", "con0=fd:0,fd:1", f"uml_dir={folder}", f"umid={switch.name}"]
        for place, port in enumerate(switch.ports):
            mac = ":".join(port.mac[byte : byte + 2] for byte in range(0, 12, 2))
            # vec=0: one packet a call. Of several in one, this kernel (6.1) sends all but the first full of zeros.
            words.append(f"vec{place}:transport=raw,ifname={port.name},mac={mac},vec=0")
        with (folder / "console").open("wb") as console:
            control = os.open(folder / "control", os.O_RDWR)  # both ends, so that it never sees the last writer leave
            try:
                process = lab.spawn(
                    switch.name, words, stdin=control, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
                )
            finally:
                os.close(control)
        process.returncode = 0  # it is the lab's from here on, not this process's child to wait for

    def _queue_lines(self, switch: LabNode, place: int) -> Iterator[str]:
        device, rate_bps = f"vec{place}", int(switch.ports[place].rate_Bps * 8 * _OF_RATE)
        if self.delay_s:
            yield f"tc qdisc add dev {device} root netem delay {self.delay_s * 1e6:.0f}us limit 100000"
        elif self.marks:
            yield f"tc qdisc add dev {device} root handle 1: htb default 1"
            yield f"tc class add dev {device} parent 1: classid 1:1 htb rate {rate_bps}bit"
            yield f"tc qdisc add dev {device} parent 1:1 red {_RED} bandwidth {rate_bps}bit"

    def _tell(self, lab: Lab, node: str, line: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more: the switch has ended
            control = os.open(_folder(lab, node) / "control", os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(control, line.encode() + b"\n")
            finally:
                os.close(control)


def _folder(lab: Lab, node: str) -> Path:
    return Path(lab.folder, "uml", shlex.quote(node))


def _setup_lines(lab: Lab, switch: LabNode) -> Iterator[str]:
    """Yield what ``ip -batch`` reads in a switch."""
    yield "link set lo up"
    yield f"address add {switch.loopback}/32 dev lo"
    for place, port in enumerate(switch.ports):
        if port.address:
            yield f"address add {port.address}/31 dev vec{place}"
        yield from _port_lines(switch, place)
    for destination, ports in switch.routes.items():
        if destination != switch.name:
            number = group_id(lab.plan, destination)
            yield f"nexthop replace id {number} group {'/'.join(str(switch.place(port) + 1) for port in ports)}"
            yield f"route replace {prefix_of(lab.plan, destination)} nhid {number}"


def _port_lines(switch: LabNode, place: int) -> Iterator[str]:
    port = switch.ports[place]
    mac = ":".join(port.peer_mac[byte : byte + 2] for byte in range(0, 12, 2))
    yield f"link set vec{place} up"
    yield f"neighbour replace {port.gateway} lladdr {mac} dev vec{place} nud permanent"
    yield f"nexthop replace id {place + 1} via {port.gateway} dev vec{place} onlink"
