"""A design on this machine: a namespace a node, a shaped veth pair a link, switches that forward.

from weft.lab import Lab, lab_plan
with Lab.up(lab_plan(build_underlay(fabric))) as lab:
    lab.spawn("host0", ["iperf3", "-s"])
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from types import TracebackType
from typing import Any

from weft.errors import ConfigError, InfeasibleError, WeftError
from weft.lab import long_links, namespace, node_setup
from weft.lab import state as states
from weft.lab.backend import Backend, backend_of
from weft.lab.clearing import clear
from weft.lab.netlink import Netlink
from weft.lab.netlink.links import Counters, End, counters, make_veth
from weft.lab.plan import LabPlan
from weft.underlay import Underlay, build_underlay

MARKER = "WEFT_LAB"  # in the environment of every process that a lab starts


class Lab:
    """A lab that is up.

    Attributes:
        run: four hexadecimal digits that name it.
        plan: what it consists of.
        backend: what forwards.
        sockets: by node, a netlink socket in its namespace.
    """

    def __init__(self, state: states.State, plan: LabPlan, backend: Backend, sockets: dict[str, Netlink]) -> None:
        self._state, self.plan, self.backend, self.sockets = state, plan, backend, sockets
        self.run = state.run

    @classmethod
    def up(
        cls, plan: LabPlan, backend: str | Backend = "kernel", *, detach: bool = False, family: str = states.FAMILY
    ) -> Lab:
        """Bring a lab up; if that fails or is interrupted, nothing of it is left.

        Args:
            plan: what it consists of.
            backend: name or object.
            detach: whether it stays when this process ends; otherwise ``weft lab clean`` may clear it from then on.
            family: what names of namespaces begin with.

        Raises:
            InfeasibleError: the machine lacks something, or refuses.
            UnknownName: no such backend.
        """
        chosen = backend_of(backend) if isinstance(backend, str) else backend
        lacks = chosen.missing()
        if lacks:
            raise ConfigError(f"the {chosen.name} backend cannot run here: {'; '.join(lacks)}")
        lab = cls(states.new_state(plan, chosen.name, family), plan, chosen, {})
        try:
            lab._make()
            lab._state = replace(lab._state, phase="up", owner=None if detach else lab._state.owner)
            lab._state.save()
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def attach(cls, run: str | None = None, *, family: str = states.FAMILY) -> Lab:
        """Return a lab that another process brought up; without a name the only one there is.

        Raises:
            ConfigError: there is none, or several and none was named, or it is not up.
        """
        state = states.find_state(run, family)
        if state.phase != "up":
            raise ConfigError(f"lab {state.run} is {state.phase}, not up; if nobody works on it, run: weft lab clean")
        plan = LabPlan.from_dict(state.plan)
        lab = cls(state, plan, backend_of(state.backend), {})
        try:
            for node in plan.nodes:
                lab.sockets[node.name] = namespace.within(lab.namespace(node.name), partial(Netlink, node.name))
        except InfeasibleError as error:
            lab.close()
            raise ConfigError(f"lab {lab.run} is damaged ({error}); run: weft lab down --run {lab.run}") from None
        return lab

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()

    @property
    def prefix(self) -> str:
        """What the names of its namespaces begin with."""
        return self._state.prefix

    @property
    def began_s(self) -> float:
        """When it was brought up, seconds since 1970."""
        return self._state.began_s

    @property
    def folder(self) -> str:
        """Where its files are; backends may keep theirs there, they go with the lab."""
        return str(self._state.folder)

    @cached_property
    def underlay(self) -> Underlay:
        """The design: as the plan has it, or read again from the cluster file.

        Raises:
            ConfigError: there is no cluster file, or it changed since.
        """
        if self.plan.underlay is not None:
            return self.plan.underlay
        from weft.fabric import build_fabric, load_cluster

        if not self.plan.source:
            raise ConfigError(f"lab {self.run} was not made from a cluster file")
        found = build_underlay(build_fabric(load_cluster(self.plan.source)))
        if [device.hostname for device in found.devices] != [node.name for node in self.plan.nodes]:
            raise ConfigError(f"the design has changed since lab {self.run} was brought up", file=self.plan.source)
        return found

    def namespace(self, node: str) -> str:
        """Return the name of a node's namespace, for ``ip netns exec``."""
        return self.prefix + self.plan.node(node).name

    def index(self, node: str, port: str) -> int:
        """Return the interface number of a port."""
        found = self.plan.node(node)
        return found.index(found.place(port))

    def counters(self) -> dict[tuple[str, str], Counters]:
        """Return what every port has carried so far, by node and port."""
        found: dict[tuple[str, str], Counters] = {}
        for node in self.plan.nodes:
            names = {node.index(place): port.name for place, port in enumerate(node.ports)}
            carried = counters(self.sockets[node.name])
            found |= {(node.name, names[index]): count for index, count in carried if index in names}
        return found

    def spawn(self, node: str, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a process on a node; it ends with the lab. ``options`` as of `subprocess.Popen`.

        Raises:
            UnknownName: no such node.
            InfeasibleError: no such program.
        """
        environment = self.environment(options.pop("env", None))
        return namespace.spawn(self.namespace(node), command, env=environment, **options)

    def delays_run(self) -> bool:
        """Return whether packets on long links are held back now, as the plan has it."""
        return bool(self.plan.long_links) and long_links.runs(self.prefix + long_links.NAME)

    def environment(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment, default this process's, with the mark by which the lab's processes are found."""
        return dict(given or os.environ) | {MARKER: self.run}

    def note(self, what: str, **more: object) -> None:
        """Add a line to the log of events that ``weft lab status`` shows."""
        states.note(self.run, what, **more)

    def close(self) -> None:
        """Let go of the lab, which stays up."""
        for socket in self.sockets.values():
            socket.close()
        self.sockets.clear()

    def down(self) -> None:
        """Take the lab down; nothing of it is left. A second time is no harm."""
        if self._state.phase != "stopping":
            with contextlib.suppress(ConfigError, OSError):
                self._state = replace(self._state, phase="stopping", owner=states.Owner.this())
                self._state.save()
            with contextlib.suppress(WeftError, OSError):  # what it cannot end, clearing will
                self.backend.stop(self)
        self.close()
        clear(self.run, self.prefix)

    def _make(self) -> None:
        forwards = {node.name: node.role == "host" or self.backend.kernel_switches for node in self.plan.nodes}
        settings = {
            self.prefix + node.name: node_setup.sysctls(
                node, link_local=self.backend.link_local and node.role == "switch"
            )
            for node in self.plan.nodes
        }
        if self.plan.long_links:
            settings[self.prefix + long_links.NAME] = {"ipv6/conf/default/disable_ipv6": 1}
        inodes: dict[str, int] = {}

        def furnish(name: str) -> Netlink:
            namespace.write_sysctls(settings[name])
            inodes[name] = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            return Netlink(name.removeprefix(self.prefix))

        made: dict[str, Netlink] = {}
        try:
            made = {name.removeprefix(self.prefix): it for name, it in namespace.create(settings, furnish).items()}
            self.sockets.update({node.name: made[node.name] for node in self.plan.nodes})
            self._make_links({name.removeprefix(self.prefix): handle for name, handle in inodes.items()})
        finally:
            for handle in inodes.values():
                os.close(handle)
        if self.plan.long_links:
            with contextlib.closing(made[long_links.NAME]) as glass:
                glass.do(long_links.set_up(self.plan.long_links))
            long_links.start(self.prefix + long_links.NAME, self.plan.long_links, self.environment())
        for node in self.plan.nodes:
            self.sockets[node.name].do(list(node_setup.set_up(self.plan, node, forwards=forwards[node.name])))
        for host in self.plan.hosts:
            self.sockets[host.name].do(list(node_setup.designed_routes(self.plan, host)))
        self.backend.start(self)

    def _make_links(self, handles: dict[str, int]) -> None:
        long = {link: number for number, link in enumerate(self.plan.long_links)}

        def end(node: str, port: str) -> End:
            found = self.plan.by_name[node]
            place = found.place(port)
            return End(handles[node], found.index(place), port, bytes.fromhex(found.ports[place].mac))

        messages: dict[str, list[Any]] = {}
        for link in self.plan.links:
            lower, upper = end(link.a, link.a_port), end(link.b, link.b_port)
            pairs = [(lower, upper)]
            if link in long:
                glass = handles[long_links.NAME]
                pairs = [(end, long_links.middle(long[link], end is upper, glass)) for end in (lower, upper)]
            made = [make_veth(*pair, self.plan.mtu) for pair in pairs]
            messages.setdefault(link.a, []).extend(made)
        for node, mine in messages.items():
            self.sockets[node].do(mine)


def take_down(run: str | None = None, *, family: str = states.FAMILY) -> str:
    """Take down a lab that another process brought up, whatever state it is in; return its run.

    Raises:
        ConfigError: there is none, or several and none was named, or a living process is bringing it up or down.
    """
    state = states.find_state(run, family)
    if state.phase != "up" and state.owner is not None and state.owner.alive():
        raise ConfigError(f"lab {state.run} is {state.phase}, and process {state.owner.pid} is about it")
    try:
        Lab.attach(state.run).down()
    except ConfigError:  # half of it is gone
        clear(state.run, state.prefix)
    return state.run


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what runs inside as Ctrl-C does, so that labs are taken down on the way out."""

    def stop(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_until(done: Any, timeout_s: float, step_s: float = 0.005) -> bool:
    """Ask until the answer is yes, or the time is over; return the last answer."""
    end = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True


def end_helper(process: subprocess.Popen[Any], within_s: float) -> None:
    """End a process that goes on for as long as its standard input is open; by force where it takes too long."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
