"""The passes of a pipeline: which micro-batch a stage works on, on which of its model chunks, in which direction."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Work(IntEnum):
    """What a pass does. A backward pass is one, or split into its input gradients and, later, its weight gradients."""

    FORWARD = 0
    BACKWARD = 1
    INPUTS = 2
    WEIGHTS = 3


class Pass(NamedTuple):
    """One pass of one micro-batch through one model chunk of a stage.

    Attributes:
        micro_batch: counted from 0 among those that go through the chunk.
        beside: it runs interleaved with the pass that follows it, communication of the one beside compute of the other.
    """

    micro_batch: int
    chunk: int
    work: Work
    beside: bool = False
