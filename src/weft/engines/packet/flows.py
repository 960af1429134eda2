"""What is sent: flows between hosts, and which of them wait for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trigger:
    """Flows that begin when others have ended.

    Attributes:
        flows: those that it starts.
        need: ends it takes, before all start.
        each: with every end the next one starts instead.
    """

    flows: tuple[int, ...]
    need: int = 1
    each: bool = False


@dataclass(frozen=True)
class Flows:
    """What is sent, one row a flow.

    Attributes:
        src, dst: int64[flows], hosts.
        size_bytes: int64[flows], without headers.
        start_s: float64[flows]; for those that wait, not before.
        priority: int64[flows], traffic class.
        triggers: what starts flows.
        fires: (flow, trigger): the flow's end counts for the trigger.
        names: of flows, for people.
        rtt_s: float64[flows], round trips without queues; None: all that of the longest way.
        pace_Bps: float64[flows], most that each puts on the wire, headers included; infinite where there is no limit.
    """

    src: Ints
    dst: Ints
    size_bytes: Ints
    start_s: npt.NDArray[np.float64]
    priority: Ints | None = None
    triggers: Sequence[Trigger] = ()
    fires: Sequence[tuple[int, int]] = ()
    names: Sequence[str] = ()
    rtt_s: npt.NDArray[np.float64] | None = None
    pace_Bps: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.src)

    @property
    def waits(self) -> Ints:
        """int64[flows]: how many triggers must fire before each starts."""
        counts = np.zeros(len(self), np.int64)
        for trigger in self.triggers:
            np.add.at(counts, np.array(trigger.flows, np.int64), 1)
        return counts

    def checked(self, hosts: int, mtu_payload: int) -> Flows:
        """Return the flows if they can be simulated.

        Raises:
            ConfigError: a column is too short or a value out of range.
        """
        for name in ("dst", "size_bytes", "start_s"):
            if len(getattr(self, name)) != len(self.src):
                raise ConfigError(f"{len(getattr(self, name))} values for {len(self.src)} flows", field=name)
        for name in ("src", "dst"):
            column = getattr(self, name)
            wrong = np.flatnonzero((column < 0) | (column >= hosts))
            if len(wrong):
                row = int(wrong[0])
                raise ConfigError(f"flow {row}: there is no host {column[row]}; 0 to {hosts - 1}", field=name)
        own = np.flatnonzero(self.src == self.dst)
        if len(own):
            raise ConfigError(f"flow {int(own[0])} goes from host {self.src[own[0]]} to itself", field="dst")
        wrong = np.flatnonzero((self.size_bytes < 1) | (self.size_bytes > (1 << 31) * mtu_payload))
        if len(wrong):
            row = int(wrong[0])
            raise ConfigError(f"flow {row} has {self.size_bytes[row]} bytes; 1 to 2^31 packets' worth", field="size")
        bad = ~np.isfinite(self.start_s) | (self.start_s < 0) | (self.start_s > 4e6)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ConfigError(f"flow {row} starts at {self.start_s[row]} s; 0 to 4,000,000 s", field="start")
        return self


def permutation(hosts: int, size_bytes: int, seed: int = 0) -> Flows:
    """Every host sends to one other and hears from one other."""
    rng = np.random.default_rng(seed)
    while True:
        to = rng.permutation(hosts)
        if hosts < 2 or (to != np.arange(hosts)).all():
            return simple(np.arange(hosts), to, size_bytes)


def incast(senders: int, size_bytes: int, to: int = 0) -> Flows:
    """So many hosts send to one."""
    src = np.delete(np.arange(senders + 1), to)
    return simple(src, np.full(senders, to), size_bytes)


def all_to_all(hosts: int, size_bytes: int) -> Flows:
    """Every host sends to every other, at once, starting with the one after it."""
    step = np.arange(1, hosts)
    src = np.repeat(np.arange(hosts), hosts - 1)
    return simple(src, (src + np.tile(step, hosts)) % hosts, size_bytes)


def simple(src: npt.ArrayLike, dst: npt.ArrayLike, size_bytes: int) -> Flows:
    """Flows of one size that start at once."""
    a, b = np.asarray(src, np.int64), np.asarray(dst, np.int64)
    return Flows(a, b, np.full(len(a), size_bytes, np.int64), np.zeros(len(a)))
