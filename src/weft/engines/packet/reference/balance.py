"""How a sender chooses the path of each packet, one class an algorithm."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from weft.engines.packet.reference.model import Model

_MOST_PENALTY = 15  # rounds
_FREEZE_PS = 10_000_000_000
_EXPLORE = 16  # packets
_KEPT = 8  # paths that REPS keeps


class Came(Enum):
    """What came of a packet."""

    GOOD = auto()
    MARKED = auto()
    CUT = auto()  # trimmed before the last hop
    SILENT = auto()  # not heard of for the retransmission time


_PENALTY = {Came.MARKED: 1, Came.CUT: 4, Came.SILENT: _MOST_PENALTY}


class Balance:
    """One path for all packets; what the others have in common."""

    def __init__(self, model: Model) -> None:
        self.model, self.paths = model, model.transport.paths
        self.high = model.chance.below(65535) & ~(self.paths - 1)
        self.shuffle = model.chance.below(self.paths)
        self.index = 0

    def next(self, sent: int, allowed: int) -> int:
        """Return the entropy of the next packet, given the packets sent so far and those that the window allows."""
        return self.index

    def learn(self, path: int, came: Came) -> None:
        """Learn what came of a packet."""


class Oblivious(Balance):
    """All paths in turn, in an order that is shuffled anew each round."""

    def _path(self) -> int:
        return (self.index ^ self.shuffle) & (self.paths - 1)

    def _turn(self) -> None:
        self.index += 1
        if self.index == self.paths:
            self.index = 0
            self.shuffle = self.model.chance.below(self.paths)

    def next(self, sent: int, allowed: int) -> int:
        """Return the next of the round."""
        path = self._path()
        self._turn()
        return path | self.high


class Bitmap(Oblivious):
    """All in turn, but those with a penalty are passed over (UE Specification 1.0, 3.6.16)."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._penalty = [0] * self.paths

    def next(self, sent: int, allowed: int) -> int:
        """Return the next without a penalty; the first that is passed over has its penalty lowered."""
        if self._penalty[self._path()] > 0:
            self._penalty[self._path()] -= 1
            for _ in range(self.paths):
                self._turn()
                if self._penalty[self._path()] == 0:
                    break
        return super().next(sent, allowed)

    def learn(self, path: int, came: Came) -> None:
        """Raise a path's penalty."""
        if came is not Came.GOOD:
            path &= self.paths - 1
            self._penalty[path] = min(_MOST_PENALTY, self._penalty[path] + _PENALTY[came])


class Mixed(Bitmap):
    """A path that came back well if there is one, else by bitmap."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._good: deque[int] = deque()

    def next(self, sent: int, allowed: int) -> int:
        """Return the oldest good path, or the next without a penalty."""
        return self._good.popleft() if self._good else super().next(sent, allowed)

    def learn(self, path: int, came: Came) -> None:
        """Keep a good path; raise the penalty of another."""
        super().learn(path, came)
        if came is Came.GOOD and len(self._good) < self.model.paths_kept:
            self._good.append(path)


class Recycle(Balance):
    """REPS in its first form: one window over all paths, then those that came back well, else any."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._good: deque[int] = deque()

    def next(self, sent: int, allowed: int) -> int:
        """Return a path."""
        if sent < min(allowed, self.paths):
            self.index = (self.index + 1) % self.paths
            return self.index
        return self._good.popleft() if self._good else self.model.chance.below(self.paths)

    def learn(self, path: int, came: Came) -> None:
        """Keep a good path."""
        if came is Came.GOOD and len(self._good) < self.model.paths_kept:
            self._good.append(path)


class Reps(Balance):
    """REPS: a ring of good paths, frozen after a time-out (T. Bonato et al., REPS, EuroSys 2026)."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._thaw_ps: int | None = None
        self._explore = 0
        self._forget()

    def _forget(self) -> None:
        self._ring, self._fresh = [0] * _KEPT, [False] * _KEPT
        self._place = self._count = self._frozen_at = 0

    def next(self, sent: int, allowed: int) -> int:
        """Return the oldest fresh path, or a frozen one, or explore."""
        fresh = sum(self._fresh)
        if self._explore > 0:
            self._explore -= 1
            return self.model.chance.below(self.paths)
        if self._thaw_ps is not None and self._count > 0:
            place = self._frozen_at
            self._frozen_at = (place + 1) % self._count
        elif self._thaw_ps is not None or fresh == 0:
            return self.model.chance.below(self.paths)
        else:
            place = (self._place - fresh) % _KEPT
        self._fresh[place] = False
        return self._ring[place]

    def learn(self, path: int, came: Came) -> None:
        """Keep a good path; freeze what is kept after a time-out, for a while."""
        now = self.model.clock.now
        if came is Came.SILENT and self._thaw_ps is None and self._explore == 0:
            self._thaw_ps = now + _FREEZE_PS
        if self._thaw_ps is not None and now > self._thaw_ps:
            self._thaw_ps = None
            self._explore = _EXPLORE
            self._forget()
        if came is Came.GOOD:
            self._ring[self._place], self._fresh[self._place] = path, True
            self._place = (self._place + 1) % _KEPT
            self._count = min(_KEPT, self._count + 1)


class RoundRobin(Balance):
    """All in turn."""

    def next(self, sent: int, allowed: int) -> int:
        """Return the next."""
        self.index = (self.index + 1) % self.paths
        return self.index


class Flowlet(Balance):
    """Another path after a pause."""

    _last_ps: int | None = None

    def next(self, sent: int, allowed: int) -> int:
        """Return the path of the last packet, or after a pause a random one."""
        now = self.model.clock.now
        if self._last_ps is None or now - self._last_ps > self.model.flowlet_ps:
            self.index = self.model.chance.below(self.paths)
        self._last_ps = now
        return self.index


_BALANCES = {
    "one_path": Balance,
    "oblivious": Oblivious,
    "bitmap": Bitmap,
    "mixed": Mixed,
    "recycle": Recycle,
    "reps": Reps,
    "round_robin": RoundRobin,
    "flowlet": Flowlet,
}


def balance_of(model: Model) -> Balance:
    """Return a new flow's choice of paths."""
    return _BALANCES[model.transport.balance](model)
