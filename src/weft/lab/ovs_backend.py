"""Switches that are Open vSwitch: OpenFlow select groups over the five-tuple, in its userspace datapath.

Every switch has an Open vSwitch of its own in its namespace, with the ports that the namespace has. A bucket watches
its port, so a near cut is gone round without anyone's help. Flows rewrite hardware addresses and count the TTL down.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from weft.errors import InfeasibleError
from weft.lab.lab import Lab
from weft.lab.offloads import switch_off
from weft.lab.plan import LabNode, prefix_of, seed
from weft.lab.probe import lacking

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_BRIDGE = "br0"
_FIELDS = "ip_src,ip_dst,nw_proto,tcp_src,tcp_dst,udp_src,udp_dst"
_FILES = {"unixctl": "ctl", "pidfile": "pid", "log-file": "log"}
_PATIENCE_s = 60


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
            list(pool.map(lambda switch: _Switch(lab, switch).start(), lab.plan.switches))

    def stop(self, lab: Lab) -> None:
        """Nothing: its processes end with the lab."""

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Nothing: groups watch their ports."""

    def southbound(self, lab: Lab) -> None:
        """There is none yet: its groups are those of the design."""


@dataclass(frozen=True)
class _Switch:
    lab: Lab
    node: LabNode

    @property
    def folder(self) -> Path:
        return Path(self.lab.folder, "ovs", self.node.name)

    def start(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True)
        database = f"unix:{folder}/db.sock"
        self.run("ovsdb-tool", "create", f"{folder}/conf.db", _SCHEMA)
        self.run("ovsdb-server", f"{folder}/conf.db", f"--remote=p{database}", *self._as_daemon("ovsdb-server"))
        self.run("ovs-vsctl", f"--db={database}", "--no-wait", "init")
        self.run("ovs-vswitchd", database, *self._as_daemon("ovs-vswitchd"))
        words = ["--", "add-br", _BRIDGE, "--", "set", "bridge", _BRIDGE, "datapath_type=netdev", "fail_mode=secure"]
        words += ["protocols=OpenFlow15", "other_config:disable-in-band=true"]
        for place, port in enumerate(self.node.ports):
            words += ["--", "add-port", _BRIDGE, port.name]
            words += ["--", "set", "interface", port.name, f"ofport_request={place + 1}"]
        self.run("ovs-vsctl", f"--db={database}", *words)
        for what, lines in (("group", self.groups()), ("flow", self.flows())):
            path = folder / f"{what}s"
            path.write_text("\n".join(lines) + "\n")
            self.run("ovs-ofctl", "-O", "OpenFlow15", f"add-{what}s", f"unix:{folder}/{_BRIDGE}.mgmt", str(path))

    def groups(self) -> list[str]:
        """Return a select group a destination."""
        found = []
        for destination, ports in self.node.routes.items():
            if destination != self.node.name:
                buckets = [
                    f"bucket=weight:1,watch_port:{place + 1},actions={self._out(place)}"
                    for place in map(self.node.place, ports)
                ]
                head = f"group_id={self._group(destination)},type=select,selection_method=hash"
                head += f",selection_method_param={seed(self.node.name)},fields({_FIELDS})"
                found.append(",".join([head, *buckets]))
        return found

    def flows(self) -> list[str]:
        """Return a flow a destination, and one a host of its own."""
        found = ["priority=0,actions=drop"]
        for destination in self.node.routes:
            if destination != self.node.name:
                prefix = prefix_of(self.lab.plan, destination)
                found.append(f"priority=10,ip,nw_dst={prefix},actions=dec_ttl,group:{self._group(destination)}")
        for place, port in enumerate(self.node.ports):
            peer = self.lab.plan.by_name[port.peer]
            if peer.role == "host":
                address = peer.ports[peer.place(port.peer_port)].address
                found.append(f"priority=20,ip,nw_dst={address},actions=dec_ttl,{self._out(place)}")
        return found

    def run(self, *command: str) -> None:
        """Run a command in the switch's namespace.

        Raises:
            InfeasibleError: it fails; with the last line that it wrote.
        """
        environment = {"OVS_RUNDIR": str(self.folder), "OVS_LOGDIR": str(self.folder), "OVS_DBDIR": str(self.folder)}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        process = self.lab.spawn(self.node.name, command, env=self.lab.environment() | environment, **quiet)
        try:
            _, err = process.communicate(timeout=_PATIENCE_s)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
        if process.returncode:
            lines = err.strip().splitlines() or ["no answer"]
            raise InfeasibleError(f"{self.node.name}: {command[0]} failed: {lines[-1]}")

    def _as_daemon(self, name: str) -> list[str]:
        files = [f"--{what}={self.folder}/{name}.{end}" for what, end in _FILES.items()]
        return [*files, "--detach", "--no-chdir"]

    def _group(self, destination: str) -> int:
        return self.lab.plan.by_name[destination].number + 1

    def _out(self, place: int) -> str:
        port = self.node.ports[place]
        return f"set_field:{_colons(port.peer_mac)}->eth_dst,set_field:{_colons(port.mac)}->eth_src,output:{place + 1}"


def _colons(mac: str) -> str:
    return ":".join(mac[place : place + 2] for place in range(0, 12, 2))
