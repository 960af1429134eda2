"""One Open vSwitch: its processes, groups and flows, all in a folder of the lab."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.errors import InfeasibleError
from weft.lab.lab import Lab
from weft.lab.plan import LabNode, prefix_of, seed

_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
_BRIDGE = "br0"
_FIELDS = "ip_src,ip_dst,nw_proto,tcp_src,tcp_dst,udp_src,udp_dst"
_FILES = {"unixctl": "ctl", "pidfile": "pid", "log-file": "log"}
_PATIENCE_s = 60
_GROUP = re.compile(r"group_id=(\d+),(.*)")
_BUCKET = re.compile(r"(?:weight:(\d+),)?watch_port:(\d+)")  # a weight of 1 goes without saying


@dataclass(frozen=True)
class OvsSwitch:
    """The Open vSwitch of one node.

    Attributes:
        lab: it is in.
        node: it forwards for.
    """

    lab: Lab
    node: LabNode

    @property
    def folder(self) -> Path:
        """Where its sockets, database and logs are."""
        return Path(self.lab.folder, "ovs", self.node.name)

    def start(self) -> None:
        """Start it with the ports of its namespace, and give it the design's groups and flows.

        Raises:
            InfeasibleError: a part of it does not start or refuses.
        """
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
            self.run(*self.ofctl(f"add-{what}s", str(path)))

    def ofctl(self, what: str, *words: str) -> list[str]:
        """Return the command that talks OpenFlow to it; it needs no namespace, as the switch listens at a file."""
        return ["ovs-ofctl", "-O", "OpenFlow15", "--no-names", what, f"unix:{self.folder}/{_BRIDGE}.mgmt", *words]

    def appctl(self, *words: str) -> list[str]:
        """Return the command that talks to its process."""
        return ["ovs-appctl", "-t", f"{self.folder}/ovs-vswitchd.ctl", *words]

    def groups(self) -> list[str]:
        """Return the design's groups, one a destination."""
        routes = self.node.routes.items()
        return [self.group(to, [(port, 1) for port in ports]) for to, ports in routes if to != self.node.name]

    def group(self, destination: str, hops: Sequence[tuple[str, int]]) -> str:
        """Return the select group towards a destination, by ports with weights, as ``ovs-ofctl`` takes it."""
        head = f"group_id={self._group(destination)},type=select,selection_method=hash"
        head += f",selection_method_param={seed(self.node.name)},fields({_FIELDS})"
        buckets = [
            f"bucket=weight:{weight},watch_port:{place + 1},actions={self._out(place)}"
            for place, weight in ((self.node.place(port), weight) for port, weight in hops)
        ]
        return ",".join([head, *buckets])

    def read_groups(self, text: str) -> dict[str, tuple[tuple[str, int], ...]]:
        """Return ports and weights by destination from what ``ovs-ofctl dump-groups`` prints."""
        found = {}
        for number, buckets in _GROUP.findall(text):
            hops = [
                (self.node.ports[int(port) - 1].name, int(weight or 1)) for weight, port in _BUCKET.findall(buckets)
            ]
            found[self.lab.plan.nodes[int(number) - 1].name] = tuple(hops)
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
