"""How a sender chooses the path of each packet: an entropy value that switches hash.

- one path: the same for all packets (ECMP).
- oblivious: all paths in turn, in an order that is shuffled anew each round.
- bitmap: the same, but paths that acknowledgements called congested are passed over for as many rounds as they are
  penalised: 1 for a mark, 4 for a trimmed packet, 15 for a time-out (UE Specification 1.0, 3.6.16).
- REPS: paths that came back without a mark are used again, oldest first; after a time-out known good ones are frozen
  (T. Bonato et al., REPS, EuroSys 2026); its first form, ``recycle``, had no buffer bound and no freezing.
- mixed: a path that came back well if there is one, else by bitmap.
- flowlet: another path after a pause.
"""

from __future__ import annotations

from weft._jit import kernel
from weft.engines.packet.code_kernels import BITMAP, FLOWLET, MIXED, OBLIVIOUS, RECYCLE, REPS, ROUND_ROBIN
from weft.engines.packet.random_kernels import below
from weft.engines.packet.record_kernels import World, balances, kept, penalties, recycled

KEPT = 8  # paths that REPS keeps
# What came of a packet on a path
GOOD, MARKED, CUT, SILENT = range(4)
_MOST_PENALTY = 15
_FREEZE_PS = 10_000_000_000
_EXPLORE = 16
_NEVER_PS = 1 << 61


@kernel
def begin_balance(w: World, slot: int) -> None:
    """Forget what the slot's last flow knew."""
    row, paths = balances(w, slot), w.paths
    row.high = below(w, 65535) & ~(paths - 1)
    row.shuffle = below(w, paths)
    row.index = 0
    row.head = 0
    row.tail = 0
    row.frozen = 0
    row.explore = 0
    row.last_ps = -_NEVER_PS
    _forget(w, slot)
    for path in range(paths):
        penalties(w, slot * paths + path).rounds = 0


@kernel
def next_path(w: World, slot: int, sent: int, window: int) -> int:
    """Return the entropy of the next packet.

    Args:
        sent: packets sent so far.
        window: packets the window allows.
    """
    row = balances(w, slot)
    how = w.balance
    if how == OBLIVIOUS:
        return _in_turn(w, slot)
    if how == BITMAP:
        return _unpenalised(w, slot)
    if how == MIXED:
        if row.head < row.tail:
            return _recycled(w, slot)
        return _unpenalised(w, slot)
    if how == REPS:
        return _take_kept(w, slot)
    if how == RECYCLE:
        if sent < min(window, w.paths):
            row.index = (row.index + 1) % w.paths
            return int(row.index)
        if row.head < row.tail:
            return _recycled(w, slot)
        return below(w, w.paths)
    if how == ROUND_ROBIN:
        row.index = (row.index + 1) % w.paths
        return int(row.index)
    if how == FLOWLET:
        now = w.now
        if now - row.last_ps > w.flowlet_ps:
            row.index = below(w, w.paths)
        row.last_ps = now
    return int(row.index)


@kernel
def path_feedback(w: World, slot: int, path: int, came: int) -> None:
    """Learn what came of a packet."""
    how = w.balance
    if how in (BITMAP, MIXED) and came != GOOD:
        index = path & (w.paths - 1)
        more = 1 if came == MARKED else (4 if came == CUT else _MOST_PENALTY)
        penalty = penalties(w, slot * w.paths + index)
        penalty.rounds = min(_MOST_PENALTY, penalty.rounds + more)
    if how in (RECYCLE, MIXED) and came == GOOD:
        row, rows = balances(w, slot), w.window_rows
        if row.tail - row.head < rows:
            recycled(w, slot * rows + row.tail % rows).path = path
            row.tail += 1
    if how == REPS:
        _keep(w, slot, path, came)


@kernel
def _turn(w: World, slot: int) -> None:
    """Go on to the next path of the round."""
    row, paths = balances(w, slot), w.paths
    row.index += 1
    if row.index == paths:
        row.index = 0
        row.shuffle = below(w, paths)


@kernel
def _in_turn(w: World, slot: int) -> int:
    row = balances(w, slot)
    path = (row.index ^ row.shuffle) & (w.paths - 1)
    _turn(w, slot)
    return int(path | row.high)


@kernel
def _unpenalised(w: World, slot: int) -> int:
    """Return the next path without a penalty; the first that is passed over has its penalty lowered."""
    row, paths = balances(w, slot), w.paths
    path = (row.index ^ row.shuffle) & (paths - 1)
    if penalties(w, slot * paths + path).rounds > 0:
        penalties(w, slot * paths + path).rounds -= 1
        tried = 0
        while True:
            tried += 1
            if tried > paths:
                break
            _turn(w, slot)
            path = (row.index ^ row.shuffle) & (paths - 1)
            if penalties(w, slot * paths + path).rounds == 0:
                break
    _turn(w, slot)
    return int(path | row.high)


@kernel
def _recycled(w: World, slot: int) -> int:
    row = balances(w, slot)
    path = recycled(w, slot * w.window_rows + row.head % w.window_rows).path
    row.head += 1
    return int(path)


@kernel
def _forget(w: World, slot: int) -> None:
    """REPS: keep nothing."""
    row = balances(w, slot)
    row.place = 0
    row.fresh = 0
    row.count = 0
    row.frozen_at = 0
    for place in range(KEPT):
        kept(w, slot * KEPT + place).valid = 0


@kernel
def _keep(w: World, slot: int, path: int, came: int) -> None:
    """REPS: keep a good path; freeze what is kept after a time-out, for a while."""
    row, now = balances(w, slot), w.now
    if came == SILENT and not row.frozen and row.explore == 0:
        row.frozen = 1
        row.thaw_ps = now + _FREEZE_PS
    if row.frozen and now > row.thaw_ps:
        row.frozen = 0
        row.explore = _EXPLORE
        _forget(w, slot)
    if came == GOOD:
        place = kept(w, slot * KEPT + row.place)
        if not place.valid:
            row.fresh += 1
        place.path = path
        place.valid = 1
        row.place = (row.place + 1) % KEPT
        row.count = min(KEPT, row.count + 1)


@kernel
def _take_kept(w: World, slot: int) -> int:
    """REPS: take the oldest fresh path, or a frozen one, or explore."""
    row, paths = balances(w, slot), w.paths
    if row.explore > 0:
        row.explore -= 1
        return below(w, paths)
    if row.frozen and row.count > 0:
        place = kept(w, slot * KEPT + row.frozen_at)
        row.frozen_at = (row.frozen_at + 1) % row.count
    elif row.frozen or row.fresh == 0:
        return below(w, paths)
    else:
        place = kept(w, slot * KEPT + (row.place - row.fresh) % KEPT)
    row.fresh -= place.valid
    place.valid = 0
    return int(place.path)
