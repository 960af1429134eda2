"""A controller's way to a lab of Open vSwitches: carriers as the namespaces' kernels see them, OpenFlow groups.

All groups of a switch go in one bundle, which it takes whole or not at all and answers; switches are told at once. A
group counts as in place when no flow goes by an older one any more. Hosts have next-hop groups of their kernels.
"""

from __future__ import annotations

import shlex
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from weft.control import Ack, Event, Group
from weft.lab.kernel_southbound import KernelSouthbound, complaint
from weft.lab.lab import Lab
from weft.lab.ovs_switch import OvsSwitch

_PATIENCE_s = 10


class OvsSouthbound:
    """Implements `weft.control.Southbound`."""

    def __init__(self, lab: Lab) -> None:
        """Listen to the links of all nodes."""
        self._lab = lab
        self._switches = {node.name: OvsSwitch(lab, node) for node in lab.plan.switches}
        self._kernel = KernelSouthbound(lab, [host.name for host in lab.plan.hosts])

    def close(self) -> None:
        """Stop listening; the lab stays."""
        self._kernel.close()

    def __enter__(self) -> OvsSouthbound:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def now_s(self) -> float:
        """The clock of its events: seconds since the machine started."""
        return self._kernel.now_s()

    def events(self, timeout_s: float) -> Sequence[Event]:
        """Wait for links to lose or gain carrier, at most so long. Switches' groups watch their ports themselves."""
        return self._kernel.events(timeout_s)

    def groups(self) -> Sequence[Group]:
        """All groups as the hosts' kernels and the switches have them now; none of a switch that does not answer."""
        found = list(self._kernel.groups())
        asked = {name: _start(switch.ofctl("dump-groups")) for name, switch in self._switches.items()}
        for name, process in asked.items():
            out, error = _answer(process)
            groups = {} if error else self._switches[name].read_groups(out)
            found += [Group(name, destination, hops) for destination, hops in groups.items()]
        return found

    def replace(self, groups: Sequence[Group]) -> Sequence[Ack]:
        """Replace groups, each acknowledged by who forwards by it; of a switch all or none."""
        acks = [Ack(group, complaint(self._lab.plan, group)) for group in groups]
        batches: dict[str, list[int]] = defaultdict(list)
        for number, ack in enumerate(acks):
            if not ack.error:
                batches[ack.group.device if ack.group.device in self._switches else ""].append(number)
        hosts = batches.pop("", [])
        told = {name: self._tell(name, [groups[number] for number in mine]) for name, mine in batches.items()}
        for number, ack in zip(hosts, self._kernel.replace([groups[number] for number in hosts]), strict=True):
            acks[number] = ack
        for name, process in told.items():
            _, error = _answer(process)
            if error:
                for number in batches[name]:
                    acks[number] = Ack(groups[number], f"{name}: Open vSwitch refused: {error}")
        return acks

    def _tell(self, name: str, groups: Sequence[Group]) -> subprocess.Popen[str]:
        """Begin to send a switch its groups as one bundle."""
        switch = self._switches[name]
        path = Path(switch.folder, "bundle")
        path.write_text("".join(f"group mod {switch.group(group.destination, group.hops)}\n" for group in groups))
        # What the switch decided for flows under way is in a cache, which it looks through in its own time, twice a
        # second. Emptied, it decides anew.
        commands = switch.ofctl("bundle", str(path)), switch.appctl("revalidator/purge")
        return _start(["sh", "-c", " && ".join(map(shlex.join, commands))])


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _answer(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a command printed, and why it failed; "" where it did not."""
    try:
        out, err = process.communicate(timeout=_PATIENCE_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "", f"no answer within {_PATIENCE_s} s"
    lines = err.strip().splitlines() or ["no answer"]
    return out, lines[-1] if process.returncode else ""
