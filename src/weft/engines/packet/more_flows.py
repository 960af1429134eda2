"""Flows that come while a simulation runs: they get rows of flows that are forgotten, or new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet import code_kernels
from weft.engines.packet import record_kernels as record
from weft.engines.packet.flow_rows import PS, fill
from weft.engines.packet.flows import Flows
from weft.engines.packet.loop_kernels import SLACK
from weft.engines.packet.recycle_kernels import known
from weft.engines.packet.tables import Tables, records
from weft.engines.packet.word_kernels import WORDS

Ints = npt.NDArray[np.int64]
_ROWS = 64  # at first


class FlowRows:
    """The rows of a simulation's flow tables: taken by new flows, given back when nothing names them any more.

    Memory stays within a small multiple of the flows that are under way at once; flows are forgotten when the tables
    are full, in O(rows + packets + events).
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._free: list[int] = []

    def add(self, flows: Flows, taking: Callable[[Ints], None] | None = None) -> Ints:
        """Start flows, now or later; return their rows, int64[flows].

        Args:
            flows: checked; without triggers. What would start before now starts now.
            taking: told the rows before they are written over.
        """
        tables, count = self._tables, len(flows)
        rows = np.array(self._taken(count), np.int64)
        if taking is not None:
            taking(rows)
        senders, receivers = records(count, record.SENDER), records(count, record.RECEIVER)
        fill(senders, receivers, flows, tables.network, tables.settings)
        senders.timer = tables["senders"].timer[rows]
        tables["senders"][rows], tables["receivers"][rows] = senders, receivers
        tables["control"].reshape(-1, WORDS)[rows] = 0
        self._room_for_events(count)
        self._start(rows, np.maximum(np.rint(flows.start_s * PS).astype(np.int64), int(tables.world[0].now)))
        return rows

    def _start(self, rows: Ints, start_ps: Ints) -> None:
        """Put the starts of flows into the heap, in order of time."""
        tables = self._tables
        w = tables.world[0]
        order = np.argsort(start_ps, kind="stable")
        events = records(len(rows), record.EVENT)
        events.time, events.order = start_ps[order], int(w.order) + np.arange(len(rows))
        events.what = (rows[order] << code_kernels.KIND_BITS) + code_kernels.START
        w.order += len(rows)
        heap, count = tables["heap"], int(w.heaped)
        for event in events:
            child, time = count, int(event["time"])
            while child > 0 and int(heap["time"][(child - 1) >> 1]) > time:
                heap[child] = heap[(child - 1) >> 1]
                child = (child - 1) >> 1
            heap[child] = event
            count += 1
        w.heaped = count

    def _taken(self, count: int) -> list[int]:
        """Take so many free rows, of forgotten flows or new."""
        if len(self._free) < count:
            self._forget()
            if len(self._free) < max(count, len(self._tables["senders"]) // 4):
                self._grow(max(count, len(self._tables["senders"]), _ROWS))
        taken, self._free = self._free[-count:][::-1], self._free[: len(self._free) - count]
        return taken

    def _forget(self) -> None:
        """Find rows that can be used again."""
        used = np.zeros(len(self._tables["senders"]), np.uint8)
        known(self._tables.world, used)
        self._free = sorted({*self._free, *np.flatnonzero(used == 0).tolist()}, reverse=True)

    def _grow(self, more: int) -> None:
        """Make the tables of flows longer."""
        tables = self._tables
        w = tables.world[0]
        before = len(tables["senders"])
        tables.longer("senders", more)
        tables.longer("receivers", more)
        tables.longer("control", more * WORDS)
        if w.int_hops:
            tables.longer("seen", before + more - len(tables["seen"]) // int(w.int_hops))
        last = int(tables["ends_first"].row[before])
        tables.longer("ends_first", more).row[before:] = last
        if tables.settings.transport.switch_choice == "flowlets":
            _widen(tables, before, more)
        w.flows = before + more
        tables.longer("ended", max(0, before + more + SLACK - len(tables["ended"])))
        tables.announce()
        self._free = [*range(before + more - 1, before - 1, -1), *self._free]

    def _room_for_events(self, count: int) -> None:
        tables = self._tables
        need = int(tables.world[0].heaped) + count + SLACK - len(tables["heap"])
        if need > 0:
            tables.longer("heap", max(need, len(tables["heap"])))
            tables.announce()


def _widen(tables: Tables, before: int, more: int) -> None:
    """Give each switch's memory of flowlets more flows."""
    switches = tables.network.switches
    wide: Any = records(switches * (before + more), record.FLOWLET)
    old = tables["flowlets"]
    if before:
        wide.reshape(switches, -1)[:, :before] = old[: switches * before].reshape(switches, before)
    tables.rows["flowlets"] = wide
