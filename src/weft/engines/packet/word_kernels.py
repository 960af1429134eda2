"""The words that a flow's congestion control may remember: as many for all controls, by names of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = 16  #: float64 a flow: two cache lines
WORD = np.dtype([("value", np.float64)])


def flow_words(*names: str) -> np.dtype[Any]:
    """Return a record with these names for its first words; the rest is padding."""
    rest = [f"_{i}" for i in range(len(names), WORDS)]
    return np.dtype([(name, np.float64) for name in (*names, *rest)])


def constant_words(*names: str) -> np.dtype[Any]:
    """Return a record of a control's constants."""
    return np.dtype([(name, np.float64) for name in names])
