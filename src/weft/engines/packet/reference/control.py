"""What a sender tells its congestion control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.engines.packet.reference.packet import Packet

if TYPE_CHECKING:
    from weft.engines.packet.reference.sender import Sender


class Control:
    """None: the window stays. Made as its flow begins, with the window already set."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def acked(self, p: Packet, size: int, rtt_ps: int | None) -> None:
        """So many more bytes have come; the acknowledgement that says so, and the round trip, where it is known."""

    def nacked(self, size: int, rtt_ps: int | None, last_hop: bool) -> None:
        """A packet was trimmed, which is a loss unless a control says otherwise."""
        self.lost(size)

    def lost(self, size: int) -> None:
        """A packet is taken for lost."""

    def notified(self) -> None:
        """The receiver has sent a congestion notification."""

    @property
    def line(self) -> float:
        """What the sender's port carries, bytes/ps."""
        return 1.0 / self.sender.host.port.link.ps_per_byte


def moved(mean: float, sample: float, weight: float) -> float:
    """Return a running mean moved to a sample: (1 - weight) mean + weight sample, with one rounding less."""
    return mean + weight * (sample - mean)
