"""The real transfers of a collective, stage by stage, as columns: what an engine carries over real paths.

A stage's transfers stream side by side, chunk by chunk. Those that wait for each other's chunks form a *channel* and
advance at one rate: a ring is as fast as its slowest edge. Steps that repeat are one transfer with all their bytes.
Edges are given between columns of a layout and serve every group of it alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weft.collectives.layout import Layout


@dataclass(frozen=True, eq=False)
class Flows:
    """One stage of a collective.

    Attributes:
        src, dst: int64[flows], node rows of the fabric: accelerators, or switches that reduce and copy.
        bytes_x: float64[flows], bytes per byte of the collective's size.
        channel: int32[flows], flows of a channel advance together, each in proportion to its bytes; numbered over all
            groups.
        group: int32[flows], the row of the layout.
        how: what moves them inside and outside the scale-up domain (`weft.collectives.cost.HOWS`).
    """

    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    bytes_x: NDArray[np.float64]
    channel: NDArray[np.int32]
    group: NDArray[np.int32]
    how: tuple[str, str]

    def __len__(self) -> int:
        return len(self.src)

    def beside(self, other: Flows) -> Flows:
        """Both at once, in the same channels."""
        return Flows(
            np.concatenate([self.src, other.src]),
            np.concatenate([self.dst, other.dst]),
            np.concatenate([self.bytes_x, other.bytes_x]),
            np.concatenate([self.channel, other.channel]),
            np.concatenate([self.group, other.group]),
            self.how,
        )


@dataclass(frozen=True, eq=False)
class Edges:
    """Transfers of one group, between columns of its layout.

    Attributes:
        src, dst: int64[edges], columns; from ``layout.ranks`` upward those of further rows, such as switches.
        bytes_x: float64[edges].
        channel: int64[edges], numbered within the group.
    """

    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    bytes_x: NDArray[np.float64]
    channel: NDArray[np.int64]

    def back(self) -> Edges:
        """The same the other way."""
        return Edges(self.dst, self.src, self.bytes_x, self.channel)

    def where(self, kept: NDArray[np.bool_]) -> Edges:
        """Some of them."""
        return Edges(self.src[kept], self.dst[kept], self.bytes_x[kept], self.channel[kept])


def edges(src: ArrayLike, dst: ArrayLike, bytes_x: ArrayLike, channel: ArrayLike) -> Edges:
    """Edges from columns of any one shape, or that broadcast to it."""
    columns = np.broadcast_arrays(src, dst, bytes_x, channel)
    a, b, x, c = (column.ravel() for column in columns)
    return Edges(a.astype(np.int64), b.astype(np.int64), x.astype(np.float64), c.astype(np.int64))


def over_groups(
    layout: Layout, parts: Sequence[Edges], how: tuple[str, str], further: NDArray[np.int64] | None = None
) -> Flows:
    """Lay edges over every group of a layout.

    Args:
        layout: the groups.
        parts: edges of one group; those that move nothing are left out.
        how: as in `Flows`.
        further: int64[groups, more], node rows of the columns after the ranks'.
    """
    src, dst, bytes_x, channel = (
        np.concatenate([np.empty(0, type_), *(getattr(part, name) for part in parts)])
        for name, type_ in (("src", np.int64), ("dst", np.int64), ("bytes_x", np.float64), ("channel", np.int64))
    )
    kept = (bytes_x > 0) & (src != dst)
    src, dst, bytes_x = src[kept], dst[kept], bytes_x[kept]
    names, channel = np.unique(channel[kept], return_inverse=True)
    rows = layout.rows if further is None else np.concatenate([layout.rows, further], axis=1)
    each = np.arange(layout.groups)
    return Flows(
        rows[:, src].ravel(),
        rows[:, dst].ravel(),
        np.tile(bytes_x, layout.groups),
        (channel[None, :] + len(names) * each[:, None]).astype(np.int32).ravel(),
        np.repeat(each, len(src)).astype(np.int32),
        how,
    )
