"""What a communicator sees of the fabric: its ranks, laid over network levels from inner to outer.

A closed form needs no paths, only how many ranks share each level, at what rate and how far apart.
The same summary names the link class that bounds a collective.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """One network level: ranks inside the same unit of it reach each other without leaving it.

    Attributes:
        name: link class, such as ``"nvlink4"``, ``"leaf"``, ``"spine"``, ``"core"``.
        domain: ``"scale-up"`` or ``"scale-out"``.
        protocol: catalog protocol id of its links, such as ``"nvlink4"`` or ``"roce_400g"``.
        ranks: group members inside one unit of this level (the fullest unit).
        units: how many units of this level the group touches.
        rate_Bps: raw uni-directional bandwidth one accelerator has into this level (before protocol
            efficiency); for scale-out levels its share of the node's NICs.
        latency_s: one-way latency between two ranks whose lowest common level this is: NICs, switches,
            media and propagation, without software.
        oversubscription: accelerator bandwidth below over bandwidth above this level's units' uplinks *into* it; 1 is
            non-blocking.
        accelerators: accelerators under one unit of this level (the whole fabric's at the outermost).
        reduces: True where switches of this level can reduce (NVLS, SHARP).
        exchange: share of ``rate_Bps`` left when every rank talks to every other; below 1 where their routes share
            links, as in a torus.
        sides: of the box that the ranks fill in a torus or mesh; empty where there is none.
    """

    name: str
    domain: str
    protocol: str
    ranks: int
    units: int
    rate_Bps: float
    latency_s: float
    oversubscription: float = 1.0
    accelerators: int = 1
    reduces: bool = False
    exchange: float = 1.0
    sides: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CommGroup:
    """A communicator of ``ranks`` members over ``levels`` (inner → outer; the last one holds every rank).

    ``levels[0]`` is always the scale-up domain (``ranks == 1`` there if no two members share one).
    ``accelerator`` is the catalog id of the members' accelerator. ``nics_per_unit`` counts the NICs one scale-up unit
    brings to this group when all its accelerators are in the group; 0 where there is no scale-out.
    """

    ranks: int
    levels: tuple[Level, ...]
    accelerator: str
    nics_per_unit: int = 0

    @property
    def scale_up(self) -> Level:
        """The innermost level."""
        return self.levels[0]

    @property
    def scale_out(self) -> Level | None:
        """The outermost level, where the group leaves its scale-up domain; None if it does not."""
        return self.levels[-1] if len(self.levels) > 1 else None
