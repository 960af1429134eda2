"""What this machine can do for a lab, one line each, with what to install where it cannot.

Kernel features are tried out, in a namespace without a name that is gone when its thread ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from weft.errors import WeftError
from weft.lab.namespace import apart
from weft.lab.netlink import Message, Netlink
from weft.lab.netlink.links import GET_LINK, End, make_veth, set_link
from weft.lab.netlink.nexthops import set_group, set_nexthop
from weft.lab.netlink.queues import netem, shape, silence
from weft.lab.netlink.routes import set_route

_NEW_NET = 0x40000000
_KERNEL = "needs a Linux kernel of 5.14 or newer with"


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing a lab may need.

    Attributes:
        key: short name.
        what: it is, for people.
        there: whether this machine has it.
        remedy: what to do where it has not.
    """

    key: str
    what: str
    there: bool
    remedy: str


_FILES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "frr": ("FRR: zebra, bgpd, bfdd", ("/usr/lib/frr/zebra", "/usr/lib/frr/bgpd", "/usr/lib/frr/bfdd"), "frr"),
    "ovs": ("Open vSwitch", ("ovs-vswitchd", "ovsdb-server", "ovs-ofctl", "ovsdb-tool"), "openvswitch-switch"),
    "uml": ("User-Mode Linux", ("linux.uml", "/usr/lib/uml/modules"), "user-mode-linux"),
    "tun": ("TUN devices", ("/dev/net/tun",), "kmod, then modprobe tun"),
    "iproute2": ("ip and tc", ("ip", "tc"), "iproute2"),
    "iperf3": ("iperf3", ("iperf3",), "iperf3"),
    "mpirun": ("Open MPI", ("mpirun",), "openmpi-bin"),
}
_KERNEL_FEATURES: dict[str, tuple[str, str]] = {
    "root": ("root rights (CAP_SYS_ADMIN)", "run it as root, such as with sudo"),
    "namespaces": ("network namespaces", f"{_KERNEL} CONFIG_NET_NS; in a container, one that is privileged"),
    "veth": ("veth pairs", f"{_KERNEL} CONFIG_VETH (modprobe veth)"),
    "tbf": ("token bucket shaping", f"{_KERNEL} CONFIG_NET_SCH_TBF (modprobe sch_tbf)"),
    "nexthops": ("next-hop groups", f"{_KERNEL} next-hop objects (5.3 or newer)"),
    "hash": ("ECMP by the packet's own five-tuple", f"{_KERNEL} fib_multipath_hash_policy 3"),
    "silence": ("silent loss by a packet filter", f"{_KERNEL} CONFIG_NET_CLS_BPF (modprobe cls_bpf sch_ingress)"),
    "netem": ("delays by netem", f"{_KERNEL} CONFIG_NET_SCH_NETEM (modprobe sch_netem)"),
}


def probe() -> list[Capability]:
    """Return all that labs can make use of, and whether this machine has it."""
    kernel = _try_kernel()
    found = [Capability(key, what, key in kernel, remedy) for key, (what, remedy) in _KERNEL_FEATURES.items()]
    for key, (what, files, package) in _FILES.items():
        found.append(Capability(key, what, all(map(_has, files)), f"apt install {package}"))
    torch = importlib.util.find_spec("torch") is not None
    return [*found, Capability("torch", "PyTorch with gloo", torch, "pip install 'weft[gpu]'")]


def lacking(keys: Iterable[str]) -> list[str]:
    """Return what is missing of some capabilities, each with its remedy; only the first where one rests on another."""
    wanted = set(keys)
    missing = [capability for capability in probe() if capability.key in wanted and not capability.there]
    basic = [capability for capability in missing if capability.key in ("root", "namespaces")]
    return [f"no {capability.what}: {capability.remedy}" for capability in (basic[:1] or missing)]


def _has(name: str) -> bool:
    return Path(name).exists() if name.startswith("/") else shutil.which(name) is not None


@cache
def _try_kernel() -> frozenset[str]:
    found: set[str] = set()
    if os.geteuid() == 0:
        found.add("root")
    with contextlib.suppress(WeftError, OSError):
        apart(lambda: _try_inside(found))
    return frozenset(found)


def _try_inside(found: set[str]) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NET):
        found.discard("root")  # root in name only, as in an unprivileged container
        return
    found.add("namespaces")
    if Path("/proc/sys/net/ipv4/fib_multipath_hash_fields").exists():
        found.add("hash")
    handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    netlink = Netlink("probe")
    try:
        netlink.do([_question()])
        a, b = (End(handle, index, f"probe{index}", bytes((2, 0, 0, 0, 0, index))) for index in (11, 12))
        gateway = IPv4Address("192.0.2.1")
        trials: list[tuple[str, Callable[[], list[Message]]]] = [
            ("veth", lambda: [make_veth(a, b, 1500), *(set_link(end.index, end.name, up=True) for end in (a, b))]),
            ("tbf", lambda: [shape(a.index, a.name, 1e7, 1 << 17, 1 << 18)]),
            ("silence", lambda: silence(a.index, a.name)),
            ("netem", lambda: [netem(b.index, b.name, 0.001)]),
            (
                "nexthops",
                lambda: [
                    set_link(1, "lo", up=True),
                    set_nexthop(1, a.index, a.name, gateway),
                    set_group(2, [(1, 1)], "try a group"),
                    set_route(IPv4Network("198.51.100.0/24"), 2),
                ],
            ),
        ]
        for key, messages in trials:
            if all(answer is None for answer in netlink.attempt(messages())):
                found.add(key)
    finally:
        netlink.close()
        os.close(handle)


def _question() -> Message:
    return Message(GET_LINK, 0, b"\0" * 4 + (1).to_bytes(4, "little") + b"\0" * 8, "look at lo")
