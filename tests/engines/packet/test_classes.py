"""Traffic classes: shares by weight, and strict priority."""

from __future__ import annotations

from typing import Any

import pytest
from packet_networks import RATE_Bps, Simulation, down, flows, received, star

from weft.engines.packet.transport import Transport


def _rates(weights: tuple[float, ...], priority: list[int], sizes: int = 10**8, **changes: Any) -> Any:
    """Rates of flows from hosts of their own to one host, while all send."""
    fields: dict[str, Any] = {"control": "none", "balance": "one_path", "queues": "pause", "window_bytes": 1e9}
    transport = Transport(**{**fields, **changes}, class_weights=weights)
    senders = len(priority)
    rows = [(i, senders, sizes) for i in range(senders)]
    simulation = Simulation(star(senders + 1), transport, flows(*rows, priority=priority))
    simulation.run(0.1e-3)
    before = received(simulation)
    simulation.run(2.1e-3)
    assert simulation.tables["tally"].dropped.sum() == 0
    assert simulation.tables["tally"].pauses[down(simulation, senders)] == 0
    return (received(simulation) - before) / 2e-3 / RATE_Bps


@pytest.mark.parametrize("queues", ["pause", "credit"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.5, 0.25, 1.0)])
def test_classes_share_a_port_by_weight(weights: tuple[float, ...], queues: str) -> None:
    rates = _rates(weights, list(range(len(weights))), queues=queues)
    whole = sum(weights)
    assert rates.tolist() == pytest.approx([weight / whole for weight in weights], abs=0.01)


def test_flows_of_a_class_share_its_part() -> None:
    assert _rates((3.0, 1.0), [0, 0, 1]).tolist() == pytest.approx([3 / 8, 3 / 8, 1 / 4], abs=0.01)


def test_a_strict_class_goes_first() -> None:
    assert _rates((0.0, 1.0), [0, 1]).tolist() == pytest.approx([1.0, 0.0], abs=0.01)


def test_what_a_strict_class_leaves_is_shared_by_weight() -> None:
    # The strict flow is held to a tenth of the rate by its window: one packet a round trip
    transport = Transport(
        control="none", balance="one_path", queues="pause", class_weights=(0.0, 2.0, 1.0), window_bytes=4150.0 * 40
    )
    simulation = Simulation(star(4), transport, flows((0, 3, 10**8), (1, 3, 10**8), (2, 3, 10**8), priority=[0, 1, 2]))
    simulation.tables["senders"].cwnd[0] = 4150.0
    simulation.run(0.1e-3)
    before = received(simulation)
    simulation.run(2.1e-3)
    rates = (received(simulation) - before) / 2e-3 / RATE_Bps
    assert rates[0] == pytest.approx(1 / simulation.settings.bdp_bytes * 4150, rel=0.1)
    assert rates[1] == pytest.approx(2 * rates[2], rel=0.02)
    assert rates.sum() == pytest.approx(1.0, abs=0.01)


def test_a_paused_class_does_not_hold_up_its_host() -> None:
    # Host 0 sends to a congested host in one class and to an idle one in another
    transport = Transport(
        control="none", balance="one_path", queues="pause", class_weights=(1.0, 1.0), window_bytes=1e9
    )
    rows = [(0, 2, 10**8), (1, 2, 10**8), (0, 3, 10**8)]
    simulation = Simulation(star(4), transport, flows(*rows, priority=[0, 0, 1]))
    simulation.run(0.2e-3)
    before = received(simulation)
    simulation.run(2.2e-3)
    rates = (received(simulation) - before) / 2e-3 / RATE_Bps
    assert rates[:2].sum() == pytest.approx(1.0, abs=0.01)  # the congested port is busy
    assert rates[0] + rates[2] == pytest.approx(1.0, abs=0.02)  # and so is the host that sends to both
