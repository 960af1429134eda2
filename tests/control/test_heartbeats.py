"""The heartbeat detector against a slow second one, on random arrivals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.control import Change
from weft.control.heartbeats import Heartbeats, Timing

TIMING = Timing(interval_s=0.03, missed=4, heard=3, grace_s=1.0, late_s=0.045)


def test_four_missed_are_silence_and_three_in_a_row_end_it() -> None:
    beats = Heartbeats(["a", "b"], 0.0, TIMING)
    told = []
    for tick in range(100):
        now_s = tick * 0.03
        for link in ("a", "b"):
            if link == "b" or not 20 <= tick < 40:
                change = beats.beat(link, now_s)
                told += [(tick, link, change)] if change else []
        told += [(tick, link, Change.SILENT) for link in beats.look(now_s + 0.001)]
    # Last heard at tick 19; 4 intervals later it is silent. Heard at 40, 41 and 42.
    assert told == [(23, "a", Change.SILENT), (42, "a", Change.HEARD)]
    assert beats.silent == frozenset()


def test_a_link_that_was_never_heard_is_silent_after_the_grace() -> None:
    beats = Heartbeats(["a"], 0.0, TIMING)
    found = {tick: beats.look(tick * 0.03) for tick in range(60)}
    first = min(tick for tick, links in found.items() if links)
    assert first * 0.03 == pytest.approx(1.0, abs=0.03)
    assert sum(map(len, found.values())) == 1


def test_a_detector_that_was_late_accuses_nobody() -> None:
    beats = Heartbeats(["a"], 0.0, TIMING)
    for tick in range(40):
        beats.beat("a", tick * 0.03)
        assert beats.look(tick * 0.03) == []
    assert beats.look(10.0) == []  # it slept 8.8 s
    assert beats.resets == 1
    assert beats.look(10.03) == []
    found = [tick for tick in range(2, 8) if beats.look(10.001 + tick * 0.03)]
    assert found == [4]  # counted from when it woke


@given(st.lists(st.floats(0.001, 0.2), min_size=1, max_size=80))
def test_a_link_is_silent_exactly_when_the_last_heartbeat_is_old(gaps_s: list[float]) -> None:
    """Looking every millisecond, the detector is never late; against a look at all arrivals."""
    arrivals, now_s = [], 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        arrivals.append(round(now_s, 3))
    timing = Timing(heard=1, grace_s=TIMING.silent_s)
    beats = Heartbeats(["a"], 0.0, timing)
    pending = list(arrivals)
    for ms in range(int(now_s * 1000)):
        t = ms / 1000
        while pending and pending[0] <= t:
            beats.beat("a", pending.pop(0))
        beats.look(t)
        past = [arrival for arrival in arrivals if arrival <= t]
        age_s = t - (past[-1] if past else 0.0)
        if abs(age_s - timing.silent_s) > 1e-9:
            assert ("a" in beats.silent) == (age_s > timing.silent_s)
