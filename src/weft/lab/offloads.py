"""Switches off what an interface leaves to later hands: checksums and the cutting of long packets.

A switch that is a program, or another kernel, sees packets as they are in memory; the kernel of this machine would have
finished them only at a wire that never comes.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import socket
import struct
from functools import partial

from weft.lab import namespace
from weft.lab.lab import Lab

_ETHTOOL = 0x8946
_SET_TX_CHECKSUM, _SET_SCATTER, _SET_TSO, _SET_GSO, _SET_GRO = 0x17, 0x19, 0x1F, 0x24, 0x2C


def switch_off(lab: Lab) -> None:
    """Switch them off at every port of a lab."""
    for node in lab.plan.nodes:
        names = [port.name for port in node.ports]
        namespace.within(lab.namespace(node.name), partial(_switch_off, names))


def _switch_off(names: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for name in names:
            for command in (_SET_TX_CHECKSUM, _SET_TSO, _SET_GSO, _SET_GRO, _SET_SCATTER):
                value = array.array("B", struct.pack("=II", command, 0))
                request = struct.pack("16sP16x", name.encode(), value.buffer_info()[0])
                with contextlib.suppress(OSError):  # some follow from others and may not be set by themselves
                    fcntl.ioctl(any_socket, _ETHTOOL, request)
