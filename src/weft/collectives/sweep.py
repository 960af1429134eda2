"""A sweep over sizes, as nccl-tests makes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weft.collectives.model import Estimate
from weft.errors import ConfigError

MAX_ROWS = 10_000
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(?:i?[bB])?\s*$")
_BINARY = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_size(text: str) -> int:
    """Read a size the way nccl-tests does: K, M, G (and T) are powers of 1024, so ``8G`` is 8 GiB.

    Raises:
        ConfigError: not such a size.
    """
    match = _SIZE.match(text)
    if match is None:
        raise ConfigError(
            f"expected a size such as 8, 64K, 128M or 8G (powers of 1024, as in nccl-tests), read {text[:40]!r}"
        )
    size = float(match[1]) * _BINARY[match[2].lower()]
    if size != int(size):
        raise ConfigError(f"the size {text!r} is not a whole number of bytes")
    if not 1 <= size <= 2**60:
        raise ConfigError(f"the size {text!r} is outside 1 byte to 1 EiB")
    return int(size)


def sizes(first: int, last: int, factor: float = 2.0, step: int | None = None) -> list[int]:
    """Sizes from ``first`` to ``last``, each ``factor`` times the one before, or ``step`` bytes more.

    Raises:
        ConfigError: they never get there, or there are more than `MAX_ROWS`.
    """
    if last < first:
        raise ConfigError(f"the last size ({last}) is below the first ({first})")
    if step is not None and step < 1:
        raise ConfigError(f"the step must be at least 1 byte, read {step}")
    if step is None and not 1 < factor < 1e9:
        raise ConfigError(f"the factor must be above 1, read {factor:g}")
    found = [first]
    while True:
        following = found[-1] + step if step is not None else max(int(found[-1] * factor), found[-1] + 1)
        if following > last:
            return found
        if len(found) == MAX_ROWS:
            raise ConfigError(f"more than {MAX_ROWS:,} sizes between {first} and {last}; take a larger factor or step")
        found.append(following)


def average_busbw_Bps(rows: Sequence[Estimate]) -> float:
    """The mean over sizes, as nccl-tests prints under its table."""
    return sum(row.busbw_Bps for row in rows) / len(rows) if rows else 0.0
