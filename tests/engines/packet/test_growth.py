"""Answers do not hang on how large tables are, or on where a run is interrupted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from packet_cases import FAST, Case, line, outcome, wired

from weft.engines.packet import tables as tables_module
from weft.engines.packet.code_kernels import FINISHED, HEARD, REACHED
from weft.engines.packet.fat_tree import regular
from weft.engines.packet.flows import Flows, Trigger, incast, permutation, simple
from weft.engines.packet.loop_kernels import SLACK
from weft.engines.packet.record_kernels import INDEX
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.tables import Tables, records
from weft.engines.packet.transport import Transport

TREE = regular(16, 3, FAST, 5e-7).network()
USUAL = Case(TREE, Transport(queue_bytes=5 * 4150), permutation(16, 300_000, seed=1))
LOSSLESS = Case(TREE, Transport(queues="pause", receiver_driven=True, switch_choice="shortest_queue"), USUAL.flows)


def made(case: Case) -> Simulation:
    return Simulation(case.network, case.transport, case.flows)


def finished(case: Case) -> Simulation:
    simulation = made(case)
    assert simulation.run() == FINISHED
    return simulation


def grown(monkeypatch: pytest.MonkeyPatch, case: Case, rows: int) -> tuple[dict[str, Any], dict[str, int]]:
    """What comes of a case whose tables have so many rows at first, and how many they have in the end."""
    with monkeypatch.context() as patch:
        patch.setattr(tables_module, "SLACK", rows)
        simulation = made(case)
    simulation.tables.rows["ended"] = records(len(case.flows) + SLACK, INDEX)  # which never needs to grow
    simulation.tables.announce()
    assert simulation.run() == FINISHED
    return outcome(simulation), {name: len(table) for name, table in simulation.tables.rows.items()}


@pytest.mark.parametrize("case", [USUAL, LOSSLESS], ids=["trim", "pause"])
def test_tiny_tables_at_first(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    assert grown(monkeypatch, case, 8)[0] == outcome(finished(case))


def test_packets_that_outgrow_their_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tens of thousands in one queue: the table grows on the way, and not where it was large before."""
    transport = Transport(control="none", queues="drop", mtu_bytes=1500, window_bytes=1e9, queue_bytes=1 << 30)
    case = Case(line(2, 4), transport, incast(7, 1436 * 4000))
    small, few = grown(monkeypatch, case, SLACK)
    large, many = grown(monkeypatch, case, 1 << 15)
    assert few["packets"] > 4 * SLACK
    assert many["packets"] == 4 << 15
    assert small == large


def test_events_that_outgrow_their_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link so long that tens of thousands of packets are on it."""
    transport = Transport(control="none", queues="drop", mtu_bytes=256, window_bytes=1e9, ack_every_bytes=1)
    case = Case(wired([0, 1], [(0, 1)], latency_s=1e-4), transport, simple([0, 1], [1, 0], 192 * 60_000))
    small, few = grown(monkeypatch, case, SLACK)
    large, many = grown(monkeypatch, case, 1 << 15)
    assert few["events"] > 4 * SLACK * few["rings"]
    assert many["events"] == (4 << 15) * many["rings"]
    assert small == large


def test_flows_that_outgrow_their_slots() -> None:
    """Many flows at once between two hosts; they begin in turn all the same."""
    count = 200
    src = np.arange(count) % 2
    case = Case(line(2, 1), Transport(), simple(src, 1 - src, 20_000))
    simulation, large = finished(case), made(case)
    assert len(simulation.tables["free_slots"]) >= count
    while large.world.free_slot < count:
        large.world.free_slot = 0
        large.tables.grow()
    assert large.run() == FINISHED
    assert outcome(simulation) == outcome(large)


@pytest.mark.parametrize("case", [USUAL, LOSSLESS], ids=["trim", "pause"])
def test_interruptions(case: Case) -> None:
    """Stopping at many moments, some of them events' own, changes nothing."""
    whole = finished(case)
    end_s = whole.now_s
    for stops in (np.linspace(0, end_s, 7), np.linspace(0, end_s, 1001), np.array([1e-12, 8.4e-8, 8.4e-8])):
        simulation = made(case)
        for stop in stops[:-1]:
            assert simulation.run(float(stop)) == REACHED
            assert simulation.now_s <= stop
        assert simulation.run() == FINISHED
        assert outcome(simulation) == outcome(whole)


def test_stops_at_every_end() -> None:
    simulation = made(USUAL)
    simulation.world.stop_on_end = 1
    ends = 0
    while simulation.run() == HEARD:
        ends += int(simulation.world.ended_count)
    assert ends == len(USUAL.flows)
    assert outcome(simulation) == outcome(finished(USUAL))


def test_same_seed_same_bytes() -> None:
    first, second = finished(USUAL), finished(USUAL)
    for name in ("senders", "receivers", "ports", "tally", "queues", "control"):
        assert first.tables[name].tobytes() == second.tables[name].tobytes()
    other = Case(TREE, Transport(queue_bytes=5 * 4150, seed=14), USUAL.flows)
    assert outcome(finished(other)) != outcome(first)


def test_triggers_of_many_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One end starts thousands of flows, more than the loop has room for between two looks at its tables."""
    count = 6000
    src = np.arange(count) % 15 + 1
    flows = Flows(
        src.astype(np.int64),
        np.zeros(count, np.int64),
        np.full(count, 100),
        np.zeros(count),
        triggers=[Trigger(tuple(range(1, count)))],
        fires=[(0, 0)],
    )
    case = Case(TREE, Transport(control="none", queues="drop"), flows)
    assert grown(monkeypatch, case, 8)[0] == outcome(finished(case))


def test_rows_begin_cache_lines() -> None:
    tables: Tables = made(USUAL).tables
    assert all(table.ctypes.data % 64 == 0 for table in tables.rows.values())
