"""The kernels and the reference, which share no code, give the same times and counts for every flow and port."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packet_cases import FAST, TIMES, Case, cases, differences, expected, line, outcome, ring

from weft.engines.packet.fat_tree import regular
from weft.engines.packet.flows import Flows, incast, permutation
from weft.engines.packet.reference.simulation import Reference
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Balance, Choice, Queues, Recovery, Transport, Way

LONG = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("driven", [False, True], ids=["window", "credit"])
@pytest.mark.parametrize("queues", get_args(Queues))
def test_small_networks(queues: str, driven: bool) -> None:
    """Any network, transport and flows; the four kinds of queues, with and without receivers that drive."""

    @settings(LONG, max_examples=25 * TIMES)
    @given(cases(queues=queues, receiver_driven=driven))
    def check(case: Case) -> None:
        assert differences(case) == {}

    check()


@settings(LONG, max_examples=40 * TIMES)
@given(cases(control="nscc", queues="trim", balance="mixed", switch_choice="hashed", way="minimal"))
def test_as_ultra_ethernet_would(case: Case) -> None:
    assert differences(case) == {}


TREE = regular(16, 3, FAST, 5e-7).network()
LOAD = permutation(16, 200_000, seed=3)


@pytest.mark.parametrize("control", ["none", "nscc"])
@pytest.mark.parametrize("balance", get_args(Balance))
def test_every_choice_of_paths(balance: Balance, control: str) -> None:
    """With little room, so that paths are marked, cut and silent."""
    transport = Transport(control=control, balance=balance, paths=16, queue_bytes=5 * 4150, rto_s=3e-5)  # type: ignore[arg-type]
    assert differences(Case(TREE, transport, LOAD)) == {}
    transport = Transport(control=control, balance=balance, paths=16, queue_bytes=9 * 4150, queues="drop")  # type: ignore[arg-type]
    assert differences(Case(TREE, transport, LOAD)) == {}


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("choice", get_args(Choice))
def test_every_choice_of_switches(choice: Choice, way: Way) -> None:
    transport = Transport(switch_choice=choice, way=way, flowlet_s=2e-6, queues="credit", lanes=6)
    assert differences(Case(TREE, transport, LOAD)) == {}
    assert differences(Case(ring(6, 2), transport, permutation(12, 200_000))) == {}


@pytest.mark.parametrize("recovery", get_args(Recovery))
@pytest.mark.parametrize("queues", get_args(Queues))
@pytest.mark.parametrize("cut", [False, True], ids=["store", "cut"])
def test_losses_on_wires(queues: Queues, recovery: Recovery, cut: bool) -> None:
    """Everything may be lost: data, answers, grants. All flows end nevertheless, but for what is held back for ever."""
    net = line(3, 2, 2)
    loss = np.full(net.ports, 2e-6)
    lossy = line(3, 2, 2, loss=loss)
    again = line(3, 2, 2, loss=loss, retry_s=np.where(np.arange(net.ports) % 2, 1e-6, 0.0))
    for network in (lossy, again):
        for driven in (False, True):
            transport = Transport(
                queues=queues,
                recovery=recovery,
                cut_through=cut,
                receiver_driven=driven,
                control="none",
                gap_packets=20,
            )
            case = Case(network, transport, incast(5, 300_000))
            assert differences(case, until_s=0.1) == {}
            simulation = Simulation(network, transport, case.flows)
            simulation.run(0.1)
            assert simulation.world.done == 5


def test_paced_senders() -> None:
    """A pace, which a control sets: here it is set on both by hand."""
    transport = Transport(control="none", queues="drop", window_bytes=1e6)
    flows = incast(6, 150_000)
    simulation, reference = Simulation(TREE, transport, flows), Reference(TREE, transport, flows)
    for f, flow in enumerate(reference.senders):
        flow.ps_per_byte = 1e12 / FAST * (f + 1.5)
        simulation.tables["senders"].ps_per_byte[f] = flow.ps_per_byte
    simulation.run()
    reference.run()
    assert outcome(simulation) == expected(reference)
    assert len(set(outcome(simulation)["end_ps"])) == 6


@given(st.integers(0, 1 << 20))
@settings(max_examples=10 * TIMES, deadline=None, derandomize=True)
def test_shared_classes(seed: int) -> None:
    """Weighted sharing, pauses of one class while others go on."""
    rng = np.random.default_rng(seed)
    count = 20
    src = rng.integers(1, 8, count)
    flows = Flows(
        src,
        np.where(rng.random(count) < 0.7, 0, (src + 1) % 8),
        rng.integers(1, 200_000, count),
        rng.choice([0.0, 1e-6, 1e-5], count),
        rng.integers(0, 3, count),
    )
    for shared in (None, 40 * 4150):
        transport = Transport(
            class_weights=(0.0, 1.0, 0.4), queues="pause", shared_bytes=shared, xoff_bytes=3 * 4150, control="none"
        )
        assert differences(Case(line(2, 4), transport, flows)) == {}
