"""Times: physics is never beaten, more is never faster, and the choice is the best."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from handmade_groups import group_of
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.collectives import IDEAL, KINDS, busbw, busbw_factor, estimate, load_library
from weft.collectives.kinds import least_bytes_out
from weft.errors import ConfigError, InfeasibleError, UnknownName
from weft.fabric.group import CommGroup

SIZES = st.floats(1, 2.0**36)
GROUPS = st.builds(
    group_of,
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([2, 3, 4, 16]),
    nic_Bps=st.sampled_from([6.25e9, 50e9, 100e9]),
    reduces=st.booleans(),
    accelerator=st.sampled_from(["a100_sxm_80", "h100_sxm", "b200_hgx", "mi300x"]),
    protocol=st.sampled_from(["ib_ndr", "eth_400g", "efa_srd", "tcpx"]),
    latency_s=st.floats(1e-7, 1e-5),
    net_latency_s=st.floats(1e-7, 1e-3),
)
LIBRARIES = st.sampled_from(["nccl", "rccl", "ideal"])


def must_cross(kind: str, size: float, group: CommGroup) -> float:
    """Bytes that some scale-up unit must let out or in where no switch between units reduces."""
    units = group.levels[0].units
    if kind == "all_to_all":
        return size * group.levels[0].ranks * (group.ranks - group.levels[0].ranks) / group.ranks
    return least_bytes_out(kind, size, units)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS), SIZES, GROUPS, LIBRARIES)
def test_no_time_is_below_what_the_wires_need(kind: str, size: float, group: CommGroup, library: str) -> None:
    found = estimate(kind, size, group, library=load_library(library))
    inner, outer = group.levels
    nics_Bps = inner.ranks * outer.rate_Bps
    assert found.time_s >= must_cross(kind, size, group) / nics_Bps * (1 - 1e-9)
    assert found.time_s >= least_bytes_out(kind, size, group.ranks) / 2 / (inner.rate_Bps + outer.rate_Bps) * (1 - 1e-9)
    assert found.time_s >= min(inner.latency_s, outer.latency_s)
    assert found.latency_s + found.bandwidth_s == pytest.approx(found.time_s)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS), SIZES, st.floats(1, 8), GROUPS, LIBRARIES)
def test_more_bytes_never_take_less_time(kind: str, size: float, more: float, group: CommGroup, library: str) -> None:
    chosen = load_library(library)
    less, greater = (estimate(kind, s, group, library=chosen).time_s for s in (size, size * more))
    assert greater >= less * (1 - 1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS), SIZES, GROUPS, LIBRARIES)
def test_auto_is_as_fast_as_anything_the_library_may_choose(
    kind: str, size: float, group: CommGroup, library: str
) -> None:
    chosen = load_library(library)
    auto = estimate(kind, size, group, library=chosen)
    for name in chosen.choices[kind]:
        try:
            forced = estimate(kind, size, group, library=chosen, algorithm=name)
        except ConfigError:
            continue
        assert auto.time_s <= forced.time_s
    again = estimate(kind, size, group, library=chosen, algorithm=auto.algorithm)
    assert again.time_s == auto.time_s


@pytest.mark.parametrize(
    ("kind", "n", "factor"),
    [
        ("all_reduce", 8, 1.75),
        ("all_gather", 8, 0.875),
        ("all_to_all", 4, 0.75),
        ("reduce", 8, 1),
        ("send_recv", 2, 1),
    ],
)
def test_busbw_is_what_nccl_tests_defines(kind: str, n: int, factor: float) -> None:
    assert busbw_factor(kind, n) == factor
    assert busbw(kind, 1e9, n, 0.5) == factor * 2e9
    found = estimate(kind, 1e9, group_of(n))
    assert found.algbw_Bps == pytest.approx(1e9 / found.time_s)
    assert found.busbw_Bps == pytest.approx(factor * found.algbw_Bps)


@pytest.mark.parametrize("n", [2, 3, 8, 64])
def test_the_ideal_ring_is_the_alpha_beta_formula(n: int) -> None:
    """2(n-1)(alpha + S/(nB)): Patarasu and Yuan 2009."""
    group = group_of(n, rate_Bps=50e9, latency_s=5e-7)
    found = estimate("all_reduce", 1e9, group, library=IDEAL, algorithm="ring")
    assert found.time_s == pytest.approx(2 * (n - 1) * (5e-7 + 1e9 / (n * 50e9)))


# ASTRA-sim 2 (analytical backend, one dimension of 50 GiB/s and 500 ns), all-reduce, simulated seconds. It adds
# endpoint delays and local memory traffic to the wires' time, 2 to 13 %, so the ideal time lies a little below.
ASTRA = [
    ("ring", 8, 2**26, 2.326112e-3),
    ("ring", 8, 2**30, 36.790164e-3),
    ("ring", 16, 2**30, 39.448540e-3),
    ("ring", 64, 2**26, 2.840836e-3),
    ("ring", 64, 2**30, 41.613556e-3),
    ("direct", 8, 2**30, 5.255772e-3),
    ("direct", 16, 2**26, 168.228e-6),
    ("direct", 64, 2**26, 45.132e-6),
    ("halving_doubling", 8, 2**30, 35.779248e-3),
    ("halving_doubling", 64, 2**30, 40.398664e-3),
]


@pytest.mark.parametrize(("algorithm", "n", "size", "simulated_s"), ASTRA)
def test_astra_sim_agrees_where_its_physics_does(algorithm: str, n: int, size: int, simulated_s: float) -> None:
    links = n - 1 if algorithm == "direct" else 1  # a full mesh has a link to every peer
    group = group_of(n, rate_Bps=links * 50 * 2**30, latency_s=5e-7)
    found = estimate("all_reduce", size, group, library=IDEAL, algorithm=algorithm)
    assert found.time_s <= simulated_s <= 1.14 * found.time_s


def test_direct_on_a_switch_pays_for_its_nic() -> None:
    """64 MiB among 16 ranks of 50 GiB/s: the NIC alone needs 2,343,750 ns."""
    group = group_of(16, rate_Bps=50 * 2**30, latency_s=0.0)
    found = estimate("all_reduce", 2**26, group, library=IDEAL, algorithm="direct")
    assert found.time_s == pytest.approx(2.34375e-3)


def test_nvls_beats_a_ring_and_a_two_node_tree_beats_the_nics() -> None:
    size = 2**33
    one = {name: estimate("all_reduce", size, group_of(8, reduces=True), algorithm=name) for name in ("ring", "nvls")}
    assert one["nvls"].busbw_Bps > 450e9 > one["ring"].busbw_Bps
    pair = group_of(8, 2, reduces=True)
    auto, ring = (estimate("all_reduce", size, pair, algorithm=name) for name in ("auto", "ring"))
    assert auto.busbw_Bps > 8 * 50e9 > ring.busbw_Bps


def test_oversubscription_hurts_all_to_all_but_hardly_a_ring() -> None:
    """A ring crosses a pod boundary once; an all-to-all sends half of its bytes across."""
    flat, thin = (group_of(8, 32, leaf_units=16, oversubscription=x) for x in (1.0, 8.0))
    for kind, slower in (("all_gather", 1.0), ("all_to_all", 4.0)):
        times = [estimate(kind, 2**33, group, library=IDEAL).time_s for group in (flat, thin)]
        assert times[1] / times[0] == pytest.approx(slower, rel=0.1)
    assert estimate("all_to_all", 2**33, thin, library=IDEAL).bound == "spine"


def test_a_lone_rank_in_each_node_does_not_use_nvlink() -> None:
    slow, fast = (group_of(1, 4, rate_Bps=rate) for rate in (0.0, 450e9))
    times = [estimate("all_reduce", 1e9, group, library=IDEAL, algorithm="ring").time_s for group in (slow, fast)]
    assert times[0] == times[1]


def test_ranks_that_nothing_joins() -> None:
    with pytest.raises(InfeasibleError, match="nccl cannot run all_reduce on 4 ranks: no network joins them all"):
        estimate("all_reduce", 1e9, group_of(2, 2, nic_Bps=0.0))


def test_all_to_all_uses_one_nic_of_several() -> None:
    """NCCL's all-to-all doesn't add up a GPU's NICs; a ring does."""
    one = group_of(4, 2, nic_Bps=50e9, protocol="eth_400g")
    two = replace(one, nics_per_unit=8, levels=(one.levels[0], replace(one.levels[1], rate_Bps=100e9)))
    for kind, algorithm, gain in (("all_to_all", "direct", 1.0), ("all_reduce", "ring", 2.0)):
        times = [estimate(kind, 2**36, group, algorithm=algorithm).time_s for group in (one, two)]
        assert times[0] / times[1] == pytest.approx(gain, rel=0.05)


def test_one_rank_takes_no_time() -> None:
    found = estimate("all_reduce", 1e9, group_of(1))
    assert (found.time_s, found.busbw_Bps, found.algorithm) == (0.0, 0.0, "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("all_sum", 8), "unknown collective 'all_sum'"),
        (("all_reduce", -1), "a collective's size cannot be -1"),
        (("all_reduce", float("nan")), "cannot be nan"),
    ],
)
def test_bad_questions_get_one_clear_line(arguments: tuple[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        estimate(*arguments, group_of(8))


def test_a_forced_algorithm_that_does_not_fit_says_why() -> None:
    with pytest.raises(UnknownName, match="unknown algorithm 'rings'; did you mean 'ring'"):
        estimate("all_reduce", 8, group_of(8), algorithm="rings")
    with pytest.raises(ConfigError, match="ring has no all_to_all; these have: direct"):
        estimate("all_to_all", 8, group_of(8), algorithm="ring")
    with pytest.raises(ConfigError, match="power of two ranks, read 6"):
        estimate("all_reduce", 8, group_of(6), algorithm="halving_doubling")
    with pytest.raises(ConfigError, match="needs a reducing switch in the scale-up domain"):
        estimate("all_reduce", 8, group_of(8), algorithm="nvls")
    with pytest.raises(UnknownName, match="unknown collective library 'ncl'; did you mean 'nccl'"):
        load_library("ncl")


def test_an_estimate_is_cheap() -> None:
    """A training step asks for dozens; a search for millions."""
    group, library = group_of(8, 64, reduces=True), load_library()
    estimate("all_reduce", 1, group, library=library)
    started = time.process_time()
    for size in range(1000):
        estimate("all_reduce", float(size), group, library=library)
    assert (time.process_time() - started) / 1000 < 300e-6
