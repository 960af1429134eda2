"""The kernels' congestion controls and the reference's give the same times and counts for every flow and port."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from packet_cases import FAST, TIMES, Case, cases, differences, wired

from weft.engines.packet.flows import Flows
from weft.engines.packet.presets import PRESETS
from weft.engines.packet.reference.dcqcn import Dcqcn
from weft.engines.packet.reference.simulation import Reference
from weft.engines.packet.transport import Transport

PRESET = {"dctcp": "dctcp", "dcqcn": "roce_dcqcn", "hpcc": "roce_hpcc", "timely": "timely", "swift": "swift"}
LONG = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("control", PRESET)
def test_small_networks(control: str) -> None:
    """Any network, transport and flows."""

    @seed(list(PRESET).index(control))
    @settings(LONG, max_examples=16 * TIMES)
    @given(cases(control=control))
    def check(case: Case) -> None:
        assert differences(case) == {}

    check()


@pytest.mark.parametrize("control", PRESET)
def test_as_their_papers_would(control: str) -> None:
    """Any network and flows, one way each; queues and recovery are those that the control was made for."""
    meant = PRESETS[PRESET[control]].fields
    kept = {name: meant[name] for name in ("queues", "recovery", "balance", "ack_every_bytes") if name in meant}

    @seed(list(PRESET).index(control))
    @settings(LONG, max_examples=20 * TIMES)
    @given(cases(control=control, switch_choice="hashed", way="minimal", receiver_driven=False, **kept))
    def check(case: Case) -> None:
        assert differences(case) == {}

    check()


def _into_one(sizes: list[int]) -> Flows:
    """Flows of so many bytes from hosts 1, 2 ... to host 0, at once."""
    count = len(sizes)
    return Flows(np.arange(1, count + 1), np.zeros(count, np.int64), np.array(sizes), np.zeros(count))


def _case(sizes: list[int], latency_s: float = 1e-6, **fields: Any) -> Case:
    network = wired([0] * (len(sizes) + 1), [], latency_s=latency_s)
    return Case(network, Transport(balance="one_path", **fields), _into_one(sizes))


def test_dcqcn_in_all_its_phases() -> None:
    """Packets of a megabyte, so that a few of them are a step by bytes: fast recovery, additive and hyper increase."""
    mega = 1_000_000
    case = _case(
        [200 * mega, 8 * mega, 8 * mega],
        control="dcqcn",
        queues="pause",
        mtu_bytes=mega,
        queue_bytes=40 * mega,
        xoff_bytes=40 * mega,
        ecn_low_bytes=0,
        ecn_high_bytes=4 * mega,
        ecn_most=0.5,
        rto_s=1.0,
    )
    assert differences(case, until_s=0.1) == {}
    reference = Reference(case.network, case.transport, case.flows)
    reference.run()
    control = reference.senders[0].control
    assert isinstance(control, Dcqcn)
    assert min(control.steps) > 5


def test_timely_in_all_its_ranges() -> None:
    """A queue that takes longer than T_high, and drains while senders go on: all three ranges of round trips."""
    mtu = 4150
    case = _case(
        [40 * mtu] * 12, 50e-9, control="timely", queues="pause", xoff_bytes=1000 * mtu, ack_every_bytes=1, rto_s=1e-2
    )
    assert differences(case) == {}
    reference = Reference(case.network, case.transport, case.flows)
    reference.run()
    assert max(most for port in reference.ports for most in port.most) / FAST > 25 * reference.model.settings.rtt_s


def test_swift_below_a_packet() -> None:
    """More senders than packets that the target allows for: windows fall below one, and are paced."""
    mtu = 4150
    case = _case(
        [20 * mtu] * 40,
        control="swift",
        queues="drop",
        queue_bytes=100 * mtu,
        window_bytes=float(mtu),
        target_delay_s=5e-7,
        ack_every_bytes=1,
        rto_s=1e-3,
    )
    assert differences(case) == {}
    reference = Reference(case.network, case.transport, case.flows)
    reference.run(1e-5)
    assert sum(flow.ps_per_byte > 0 for flow in reference.senders) > 10
