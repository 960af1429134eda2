"""A sequence number, as a sender remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class State(Enum):
    """Of a sequence number."""

    UNSENT = auto()
    FLYING = auto()
    LOST = auto()
    ACKED = auto()


@dataclass
class Seq:
    """A sequence number: its state, when and on which path it was last sent, and how often again."""

    state: State = State.UNSENT
    sent_ps: int = 0
    path: int = 0
    again: int = 0
