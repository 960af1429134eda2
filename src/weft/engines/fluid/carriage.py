"""What communications put on a network, folded: all that the fluid engine needs to know of fabric, library and job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from weft.engines.fluid.quotient import Quotient
from weft.workload.program import Communication


@dataclass(frozen=True, eq=False)
class Carried:
    """How one communication goes over the network.

    Attributes:
        name: for messages.
        delay_s: before its first byte moves: launch, hops, filling the pipeline.
        size_bytes: what every transfer of it moves, in bytes of the collective's size, all repeats together.
        stages: classes of transfers, stage by stage.
        cap_Bps: float64 for each stage, what the ranks themselves can do, in bytes of size a second.
        bound: the link class that limits a stage where that cap does.
    """

    name: str
    delay_s: float
    size_bytes: float
    stages: tuple[NDArray[np.int64], ...]
    cap_Bps: tuple[float, ...]
    bound: str


@dataclass(frozen=True)
class NetworkState:
    """The folded network for some time.

    Attributes:
        start_s: when it begins.
        capacity_Bps: float64[resource classes].
        routed: which of the quotient's routings holds.
    """

    start_s: float
    capacity_Bps: NDArray[np.float64]
    routed: int


@dataclass(frozen=True)
class Event:
    """Traffic of others that begins or ends.

    Attributes:
        at_s: when.
        begins: or ends.
        transfers: classes of transfers.
        cap_Bps: most that one of them sends.
    """

    at_s: float
    begins: bool
    transfers: tuple[int, ...]
    cap_Bps: float


@dataclass(frozen=True, eq=False)
class Carriage:
    """Everything the fluid engine moves, and over what.

    Attributes:
        quotient: the folded traffic.
        states: of the network, in order of time.
        carried: by communication.
        link_class: of each class of resources.
        level: int64[transfer classes], strict priority.
        background: traffic of others, in order of time.
    """

    quotient: Quotient
    states: tuple[NetworkState, ...]
    carried: Mapping[Communication, Carried]
    link_class: Sequence[str]
    level: NDArray[np.int64]
    background: tuple[Event, ...] = ()

    @property
    def every(self) -> NDArray[np.int32]:
        """All classes of resources."""
        return np.arange(len(self.link_class), dtype=np.int32)

    def of(self, communication: Communication) -> Carried:
        """How a communication goes."""
        return self.carried[communication]

    def entries(self, routed: int, transfer: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The classes of resources that a class of transfers uses under one of the routings, and how much."""
        entries = self.quotient.routed[routed]
        run = slice(entries.indptr[transfer], entries.indptr[transfer + 1])
        return entries.resource[run], entries.usage[run]

    def priority(self, transfer: int) -> tuple[float, int]:
        """(weight, strict priority) of a class of transfers."""
        return float(self.quotient.weight[transfer]), int(self.level[transfer])

    def at_rest(self) -> Carriage:
        """The same network without traffic of others, as it is at first."""
        return replace(self, background=(), states=self.states[:1])

    def bound(self, communication: Communication) -> str:
        """The link class that limits the longest stage of a communication that is alone on the network."""
        carried, capacity = self.of(communication), self.states[0].capacity_Bps
        found, longest = carried.bound, 0.0
        for cap_Bps, transfers in zip(carried.cap_Bps, carried.stages, strict=True):
            load = np.zeros(len(capacity))
            for transfer in transfers:
                resource, usage = self.entries(self.states[0].routed, int(transfer))
                load[resource] += usage
            with np.errstate(divide="ignore", invalid="ignore"):
                seconds = np.where(load > 0, load / capacity, 0.0)
            worst = int(seconds.argmax()) if len(seconds) else -1
            taken = max(1 / cap_Bps, float(seconds[worst]) if worst >= 0 else 0.0)
            if taken > longest:
                longest = taken
                inside = worst < 0 or 1 / cap_Bps >= seconds[worst]
                found = carried.bound if inside else self.link_class[worst]
        return found

    def unreachable(self, waiting: Sequence[Carried]) -> str:
        """Say which communications have transfers that no live path serves."""
        state = self.states[-1]
        for carried in waiting:
            for transfer in np.concatenate([*carried.stages, np.empty(0, np.int64)]).astype(int):
                resource, _ = self.entries(state.routed, int(transfer))
                dead = resource[state.capacity_Bps[resource] == 0]
                if len(dead):
                    name = self.link_class[int(dead[0])]
                    down = "what joins them is down" if name == "no path" else f"{name} is down"
                    return (
                        f"unreachable: {carried.name} cannot finish, no live path is left for some of its ranks "
                        f"({down}); mend the link, add another path, or give the "
                        "fault an end with until"
                    )
        return "unreachable: communication is cut off by what has priority over it or by a dead link"
