"""Named transports: each does what its name says, and says who describes it."""

from __future__ import annotations

import numpy as np
import pytest
from packet_networks import RATE_Bps, Simulation, network, star

from weft.engines.packet.flows import incast, permutation
from weft.engines.packet.presets import NO_MARKS, PRESETS, preset
from weft.errors import ConfigError, UnknownName


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_carries_a_permutation_and_an_incast(name: str) -> None:
    net = network([0] * 4 + [1] * 4, [(0, 2), (0, 3), (1, 2), (1, 3)] * 2)
    for sent in (permutation(8, 500_000, seed=3), incast(7, 300_000)):
        simulation = Simulation(net, preset(name), sent)
        simulation.run()
        assert simulation.world.done == len(sent)
        payload_x = 1 - 64 / simulation.settings.transport.mtu_bytes
        busiest = np.bincount(sent.dst, sent.size_bytes).max() / payload_x / RATE_Bps
        ends_s = simulation.tables["senders"].end_ps / 1e12
        assert busiest < ends_s.max()
        if sent.dst.max() > 0 or "queues" not in PRESETS[name].fields:  # four flows may hash to one of four cables
            assert ends_s.max() < 4 * busiest + 200e-6
        assert len(PRESETS[name].sources) and PRESETS[name].summary


@pytest.mark.parametrize("name", ["roce_dcqcn", "roce_hpcc", "timely", "infiniband"])
def test_lossless_presets_lose_nothing_in_an_incast(name: str) -> None:
    simulation = Simulation(star(33), preset(name), incast(32, 300_000))
    simulation.run()
    assert simulation.tables["tally"].dropped.sum() == 0
    assert simulation.tables["senders"].again.sum() == 0
    assert simulation.tables["senders"].timeouts.sum() == 0


def test_unmarked_presets_mark_nothing() -> None:
    for name, made in PRESETS.items():
        if made.fields.get("ecn_low_bytes") == NO_MARKS:
            simulation = Simulation(star(9), preset(name), incast(8, 300_000))
            simulation.run()
            assert simulation.tables["tally"].marked.sum() == 0, name


def test_changes() -> None:
    changed = preset("dctcp", seed=5, window_bytes=4150.0)
    assert (changed.control, changed.seed, changed.window_bytes) == ("dctcp", 5, 4150.0)
    with pytest.raises(UnknownName, match="did you mean 'roce_dcqcn'"):
        preset("roce_dcqnc")
    with pytest.raises(UnknownName, match="did you mean 'mtu_bytes'"):
        preset("uec", mtu_byte=9000)
    with pytest.raises(ConfigError, match="ecn_most"):
        preset("roce_dcqcn", ecn_most=2.0)
    with pytest.raises(ConfigError, match="grant_packets"):
        preset("ndp", grant_packets=0)
