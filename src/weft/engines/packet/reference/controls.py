"""Congestion controls by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.control import Control
from weft.engines.packet.reference.dcqcn import Dcqcn
from weft.engines.packet.reference.dctcp import Dctcp
from weft.engines.packet.reference.hpcc import Hpcc
from weft.engines.packet.reference.nscc import Nscc
from weft.engines.packet.reference.swift import Swift
from weft.engines.packet.reference.timely import Timely

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender

_CONTROLS: dict[str, type[Control]] = {
    "none": Control,
    "nscc": Nscc,
    "dctcp": Dctcp,
    "dcqcn": Dcqcn,
    "hpcc": Hpcc,
    "timely": Timely,
    "swift": Swift,
}


def control_of(sender: Sender) -> Control:
    """Return a new flow's congestion control."""
    return _CONTROLS[sender.model.transport.control](sender)
