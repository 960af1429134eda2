"""Samples over time on fabrics: they change no answer, add up to what ports carried, and show faults and silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluid_cases import cluster
from packet_fabrics import packets

from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Samples, Sampling

SIZE, ENDS = 16e6, (0, 63)
FABRIC = cluster(8, radix=24, oversubscription=2)


def run(sampling: Sampling | None, **scenario: Any) -> tuple[float, Outcome]:
    made = packets(
        FABRIC, "broadcast", ENDS, SIZE, algorithm="ring", named="ideal", scenario=scenario, sampling=sampling
    )
    return made.run(SIZE).time_s, made.outcome()


def samples_of(found: Outcome) -> Samples:
    assert found.samples is not None
    return found.samples


@pytest.fixture(scope="module")
def whole() -> tuple[float, Outcome]:
    return run(Sampling(5e-6, None))


def test_they_change_nothing(whole: tuple[float, Outcome]) -> None:
    time_s, found = run(None)
    assert found.samples is None
    assert (time_s, found.events, found.packet_hops) == (whole[0], whole[1].events, whole[1].packet_hops)
    for name, column in found.flow.items():
        assert np.array_equal(column, whole[1].flow[name], equal_nan=column.dtype.kind == "f")


def test_they_add_up_to_what_ports_carried(whole: tuple[float, Outcome]) -> None:
    samples, port = samples_of(whole[1]), whole[1].port
    assert np.allclose(np.diff(samples.time_s)[:-1], 5e-6)
    length_s = np.diff(samples.time_s, prepend=0.0)[:, None]
    carried = (samples.utilisation * length_s * port["rate_Bps"][samples.port]).sum(axis=0)
    assert np.allclose(carried, port["sent_bytes"][samples.port], rtol=1e-6, atol=1.0)
    assert (samples.queued_bytes.max(axis=0) <= port["most_queued_bytes"][samples.port] + 2 * 4150).all()


def test_by_default_one_a_round_trip() -> None:
    _, found = run(Sampling(ports=3))
    samples = samples_of(found)
    assert (samples.every_s, len(samples.port)) == (found.settings.rtt_s, 3)


def test_they_show_a_port_at_half_its_rate(whole: tuple[float, Outcome]) -> None:
    """Its cable to the leaf is at half from the middle on, so packets wait at the leaf; nothing did before."""
    from_s = 0.5 * whole[0]
    fault = {"link": ["host7/nic7", "leaf3"], "at": f"{from_s}s", "rate": 0.5}
    _, found = run(Sampling(5e-6, 1), faults=[fault])
    samples = samples_of(found)
    assert found.network.port_name(int(samples.port[0])).startswith("leaf3 -> host7")
    before, after = samples.time_s < from_s - 5e-6, samples.time_s > from_s + 50e-6
    assert samples.queued_bytes[before].max() < samples.queued_bytes[after].max()


def test_nothing_is_seen_while_nobody_sends(whole: tuple[float, Outcome]) -> None:
    """Traffic of others long before the collective's end, and none between."""
    quiet_s = 20 * whole[0]
    burst = {"pairs": [["host1/gpu0", "host4/gpu0"]], "rate": "10GB/s"}
    begins = {**burst, "start": f"{quiet_s}s", "until": f"{1.1 * quiet_s}s"}
    made = packets(
        FABRIC,
        "broadcast",
        ENDS,
        SIZE,
        algorithm="ring",
        named="ideal",
        scenario={"background": [begins]},
        sampling=Sampling(whole[0] / 10, None),
    )
    engine = made.prepared.engine
    made.run(SIZE)
    assert engine.peek(1.2 * quiet_s) == float("inf")
    samples = samples_of(engine.outcome())
    silent = (samples.time_s > 1.5 * whole[0]) & (samples.time_s < 0.99 * quiet_s)
    assert silent.sum() > 100
    assert not samples.utilisation[silent].any()
    assert samples.utilisation[samples.time_s > quiet_s].any()
