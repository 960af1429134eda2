"""The detector of slow links on a port simulated packet by packet: a token bucket, whatever is sent to it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.control.slowness import Meter, Slowness

RATE_Bps = 12.5e6
LARGEST = 68_000
STEP_s = 0.001


@dataclass
class Bucket:
    """A queue that is held to a rate, as the kernel's: a packet leaves when there are tokens for all of it."""

    rate_Bps: float = RATE_Bps
    burst: float = 128 * 1024
    tokens: float = 128 * 1024
    sent: int = 0
    queue: deque[int] = field(default_factory=deque)

    def pass_time(self, seconds: float, arriving: list[int]) -> None:
        self.queue.extend(size for size in arriving if sum(self.queue) + size <= 512 * 1024)
        self.tokens = min(self.burst, self.tokens + self.rate_Bps * seconds)
        while self.queue and self.queue[0] <= self.tokens:
            self.tokens -= self.queue[0]
            self.sent += self.queue.popleft()


@dataclass
class Source:
    """Bursts of packets, at a mean rate, from steady to one burst in a while; seeded."""

    load_Bps: float
    burst_bytes: int
    packet: int
    chance: random.Random
    owed: float = 0.0

    def packets(self, seconds: float) -> list[int]:
        self.owed += self.load_Bps * seconds * self.chance.uniform(0, 2)
        if self.owed < self.burst_bytes:
            return []
        count = int(self.owed // self.packet)
        self.owed -= count * self.packet
        return [self.packet] * count


def watch(
    detector: Slowness[str], port: Bucket, source: Source, seconds: float, looks_s: float, from_s: float = 0.0
) -> Iterator[tuple[float, float]]:
    """Let time pass and look now and then; yield when which share was told. Probes are sent as asked for."""
    now_s, next_s = from_s, from_s
    while now_s < from_s + seconds:
        now_s += STEP_s
        port.pass_time(STEP_s, source.packets(STEP_s))
        if now_s >= next_s:
            next_s = now_s + looks_s * source.chance.uniform(0.7, 1.6)
            detector.look("port", now_s, port.sent, sum(port.queue))
            for share in detector.changed(now_s).values():
                yield now_s, share
            for size in detector.probes(now_s).values():
                port.pass_time(0.0, [1514] * (size // 1514))


sources = st.builds(
    Source,
    st.floats(0.05, 3).map(lambda load: load * RATE_Bps),
    st.sampled_from([1, 100_000, 500_000, 2_000_000]),
    st.sampled_from([1514, 9014, 30_000, LARGEST]),
    st.integers(0, 10_000).map(random.Random),
)


@settings(max_examples=80, deadline=None)
@given(sources, st.sampled_from([0.005, 0.01, 0.02]))
def test_a_whole_port_is_never_slow_whatever_is_sent(source: Source, looks_s: float) -> None:
    assert list(watch(Slowness({"port": RATE_Bps}), Bucket(), source, 4.0, looks_s)) == []


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.05, 0.6),
    st.sampled_from([1514, 30_000, LARGEST]),
    st.sampled_from([1, 300_000]),
    st.integers(0, 10_000).map(random.Random),
)
def test_a_port_that_lost_rate_is_found_and_measured(
    share: float, packet: int, burst: int, chance: random.Random
) -> None:
    """Full before and after: within a second and a half, to a packet in what was seen."""
    detector, port = Slowness({"port": RATE_Bps}), Bucket()
    source = Source(RATE_Bps, burst, packet, chance)
    assert list(watch(detector, port, source, 1.0, 0.007)) == []
    port.rate_Bps *= share
    ((told_s, told), *more) = watch(detector, port, source, 1.5, 0.007, 1.0)
    assert told_s > 1.0
    assert more == []
    seen_bytes = max(detector.meter.busy_s * share * RATE_Bps, 3 * packet)
    assert told == pytest.approx(share, abs=share * (packet / seen_bytes + 0.05))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4, 0.6])
@pytest.mark.parametrize("load", [0.0, 0.1])
def test_a_probe_finds_a_recovered_port_whole_and_a_slow_one_not(share: float, load: float) -> None:
    """Hardly anything is sent over it any more: only probes can tell, one every two seconds."""
    detector, port = Slowness({"port": RATE_Bps}), Bucket(rate_Bps=share * RATE_Bps)
    full, hardly = (Source(part * RATE_Bps, 1, LARGEST, random.Random(5)) for part in (2.0, load * share))
    assert len(list(watch(detector, port, full, 2.0, 0.007))) >= 1
    told = list(watch(detector, port, hardly, 12.0, 0.007, 2.0))
    assert all(left < 0.75 for _, left in told)
    port.rate_Bps = RATE_Bps
    ((_, told_whole), *more) = watch(detector, port, hardly, 12.0, 0.007, 14.0)
    assert (told_whole, more) == (1.0, [])
    assert detector.slow == {}


def test_traffic_that_a_slow_port_could_not_carry_shows_it_whole() -> None:
    detector, port = Slowness({"port": RATE_Bps}), Bucket(rate_Bps=0.2 * RATE_Bps)
    source = Source(0.9 * RATE_Bps, 1, 1514, random.Random(1))
    assert len(list(watch(detector, port, source, 2.0, 0.007))) == 1
    port.rate_Bps = RATE_Bps
    ((told_s, share), *more) = watch(detector, port, source, 1.0, 0.007, 2.0)
    assert share == 1.0
    assert told_s < 2.3
    assert more == []


def test_late_looks_prove_nothing() -> None:
    """A machine that stands still for a fifth of a second at a time, every time its port is full."""
    detector, port = Slowness({"port": RATE_Bps}, Meter(late_s=0.03)), Bucket()
    now_s = 0.0
    for _ in range(30):
        for still_s in (0.01, 0.01, 0.2):
            now_s += still_s
            # Nobody served the port while the machine stood still
            port.pass_time(min(still_s, 0.01), [LARGEST] * 4)
            detector.look("port", now_s, port.sent, sum(port.queue))
            assert detector.changed(now_s) == {}


def test_when_most_ports_look_slow_it_is_the_machine() -> None:
    names = [f"port{number}" for number in range(6)]
    for slow, expected in ((2, 2), (4, 0)):
        detector = Slowness(dict.fromkeys(names, RATE_Bps))
        ports = {name: Bucket(rate_Bps=RATE_Bps * (0.2 if place < slow else 1.0)) for place, name in enumerate(names)}
        for tick in range(100):
            for name, port in ports.items():
                for _ in range(10):
                    port.pass_time(STEP_s, [LARGEST])
                detector.look(name, 0.01 * tick, port.sent, sum(port.queue))
            detector.changed(0.01 * tick)
        assert len(detector.slow) == expected
        assert (detector.doubts > 0) == (expected == 0)


def test_counters_that_begin_anew_prove_nothing() -> None:
    detector: Slowness[str] = Slowness({"port": RATE_Bps})
    for tick, sent in enumerate([10_000_000, 10_000_100, 50, 100, 150]):
        detector.look("port", 0.01 * tick, sent, 100_000)
    assert detector.changed(0.05) == {}
