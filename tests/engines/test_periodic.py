"""Outer steps of groups that synchronise only every so often, against jobs of one group and the papers' arithmetic."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from handmade_jobs import LLAMA_SHAPE, TINY, fabric, job
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.step import StepRun, memory_on, run_step
from weft.errors import ConfigError
from weft.fabric import Cluster, Fabric, Node, build_fabric
from weft.workload.mapping import Mapping
from weft.workload.outer_groups import grouped
from weft.workload.spec import Outer

LAYOUTS: list[dict[str, Any]] = [{}, {"tp": 8}, {"pp": 2, "tp": 4}, {"pp": 2, "zero": 0}, {"zero": 3}]


@lru_cache
def sites(shares: tuple[float, ...] = (1.0, 1.0), nodes: int = 4) -> Fabric:
    """Sites that one thin link each joins, 100 km apart."""
    return build_fabric(
        Cluster(
            nodes=nodes,
            node=Node(system="dgx_h100"),
            scale_out={"topology": "leaf_spine"},
            sites=[{"name": f"site {i}", "share": share} for i, share in enumerate(shares)],
            long_haul={"links": 1, "rate": "100Gb/s", "distance": "100km"},
        )
    )


def run(where: Fabric, batch: int = 64, **more: Any) -> StepRun:
    return run_step(where, job(batch=batch, **more))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stack", ["megatron-core", "torchtitan"])
def test_an_inner_step_is_that_of_one_group_alone(layout: dict[str, Any], stack: str) -> None:
    """Two sites of two nodes, each as a cluster of its own with half the batch."""
    both = run(sites(), outer=Outer(every=10), stack=stack, **layout)
    alone = run(fabric(nodes=2), batch=32, stack=stack, **layout)
    assert both.periodic is not None
    assert both.periodic.inner_step_s == pytest.approx(alone.step_s, rel=1e-6)
    assert both.tokens_per_s * both.step_s == pytest.approx(2 * alone.tokens_per_s * alone.step_s)
    assert both.model_flops_per_s * both.step_s == pytest.approx(alone.model_flops_per_s * alone.step_s)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_add_up_and_name_their_links(layout: dict[str, Any]) -> None:
    found = run(sites(), outer=Outer(every=3), **layout)
    assert sum(found.breakdown_s.values()) == pytest.approx(found.step_s, rel=1e-12)
    exposed = {part: s for part, s in found.breakdown_s.items() if part.startswith("exposed")}
    assert sum(found.exposed_by_bound().values()) == pytest.approx(sum(exposed.values()), abs=1e-12)
    assert ("site", "exposed_outer") in found.exposed_by_bound()


def test_an_exchange_is_bound_by_the_long_haul_link() -> None:
    """Ring of two: each of a site's 16 GPUs sends its sixteenth of 4-byte differences once over the one link."""
    found = run(sites(), outer=Outer(every=1)).periodic
    assert found is not None
    whole = 4.0 * run(sites()).plan.transformer.parameters(512)
    assert found.exchanged_bytes * 16 == pytest.approx(whole, rel=1e-5)
    assert found.exchange_s == pytest.approx(whole / 12.5e9, rel=0.2)
    assert found.exchange_s > whole / 12.5e9


@settings(max_examples=30, deadline=None)
@given(
    every=st.integers(1, 2000),
    bits=st.sampled_from([4, 8, 16, 32]),
    fragments=st.integers(1, 8),
    overlap=st.booleans(),
)
def test_what_an_outer_step_adds(every: int, bits: int, fragments: int, overlap: bool) -> None:
    """An exchange shows once in so many steps, and beside inner steps only as far as it outlasts them."""
    found = run(sites(), outer=Outer(every=every, bits=bits, fragments=fragments, overlap=overlap))
    own = found.periodic
    assert own is not None
    more = found.step_s - own.inner_step_s - own.optimizer_s / every
    expected = max(0.0, own.exchange_s / every - (own.inner_step_s if overlap else 0.0))
    assert more == pytest.approx(expected, abs=1e-12)


def test_fewer_bits_and_rarer_steps_take_less() -> None:
    def step_s(**more: Any) -> float:
        return run(sites(), outer=Outer(**{"every": 100, **more})).step_s

    assert step_s(bits=4) < step_s(bits=8) < step_s(bits=16) < step_s()
    assert step_s(every=500) < step_s() < step_s(every=10) < step_s(every=1)
    assert step_s(overlap=True) < step_s()
    assert step_s(fragments=4) >= step_s()  # the same bytes, and more latencies


def test_it_beats_a_sum_of_gradients_over_the_long_haul() -> None:
    synchronous, apart = run(sites()), run(sites(), outer=Outer(every=500))
    assert apart.step_s < 0.5 * synchronous.step_s


@pytest.mark.parametrize("zero", [0, 1, 3])
def test_memory_holds_momentum_and_where_it_set_out(zero: int) -> None:
    """Eight bytes for each parameter whose optimizer state a rank holds, and the difference on its way."""
    plain = memory_on(fabric(nodes=2), job(batch=32, zero=zero))
    outer = memory_on(sites(), job(batch=64, zero=zero, outer=Outer(every=100, bits=8, fragments=4)))
    parameters = plain.optimizer_bytes / 12
    assert outer.outer_bytes == pytest.approx(8.25 * parameters)
    assert outer.total_bytes - plain.total_bytes == pytest.approx(outer.outer_bytes)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(1, 4), st.integers(2, 5))
def test_groups_share_out_the_ranks(tp: int, cp: int, dp: int, pp: int, groups: int) -> None:
    """Every rank of the first group meets one of every other, and all together are all ranks."""
    mapping = grouped(Mapping(tp, cp, dp * groups, pp), Outer(every=1, groups=groups))
    assert (mapping.ranks, mapping.inner_ranks * groups) == (tp * cp * dp * pp * groups, mapping.ranks)
    seen = sorted(
        rank + column for stage in range(pp) for rank in mapping.outer_group(stage) for column in range(mapping.columns)
    )
    assert seen == list(range(mapping.ranks))


@pytest.mark.parametrize(
    ("where", "groups", "message"),
    [
        (fabric(), "sites", "not on several sites; say how many groups"),
        (sites((2, 1, 1)), "sites", "16, 8 and 8 accelerators of the job, and groups must be equal; use groups: 4"),
        (sites((3, 1)), 2, "a group of 16 accelerators would lie on two sites, which hold 24 and 8; .* such as 4"),
        (fabric(), 3, "dp 32 is not divisible by 3 outer groups"),
    ],
)
def test_groups_that_cannot_be_are_refused(where: Fabric, groups: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as failure:
        run(where, outer=Outer(every=10, groups=groups))
    assert failure.value.field == "outer.groups"


def test_groups_may_be_several_to_a_site() -> None:
    found = run(sites((2, 1, 1)), outer=Outer(every=10, groups=4))
    assert (found.plan.mapping.outer, found.plan.mapping.dp) == (4, 8)


def test_the_batch_divides_over_all_groups() -> None:
    with pytest.raises(ConfigError, match=r"dp x micro_batch = 32 x 1 = 32"):
        run(sites(), batch=48, outer=Outer(every=10))


def test_experts_must_fit_a_group() -> None:
    moe = TINY.model_dump() | {"moe": {"experts": 32, "top_k": 2, "ffn": 512}}
    model = type(TINY).model_validate(moe)
    with pytest.raises(ConfigError, match="16 ranks that a pipeline stage has in an outer group"):
        run(sites(), model=model, ep=32, outer=Outer(every=10))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("outer", [Outer(every=10), Outer(every=4, bits=4, fragments=2, overlap=True)])
def test_engines_agree_on_outer_steps(layout: dict[str, Any], outer: Outer) -> None:
    """Groups on sites of their own share no link in an inner step; the one between them limits their exchange."""
    asked = job(batch=64, outer=outer, **layout)
    closed, fluid = (run_step(sites(), asked, engine=engine) for engine in ("analytic", "fluid"))
    assert closed.periodic is not None
    assert fluid.periodic is not None
    assert fluid.periodic.inner_step_s == pytest.approx(closed.periodic.inner_step_s, rel=0.03)
    # The closed form times one stage's exchange as if the others sent nothing over the same long-haul link.
    stages = closed.plan.mapping.pp
    once = closed.periodic.exchange_s
    assert once * 0.97 <= fluid.periodic.exchange_s <= stages * once * 1.05
    assert sum(fluid.breakdown_s.values()) == pytest.approx(fluid.step_s, rel=1e-9)
    whole = run_step(sites(), asked, engine="fluid", fold=False)
    assert whole.step_s == pytest.approx(fluid.step_s, rel=1e-9)


def test_an_exchange_takes_as_long_as_its_bytes_on_the_long_haul() -> None:
    """Two sites, one link of 100 Gb/s: each sends all parameters once (a ring of two), whatever the stages."""
    for pp in (1, 2):
        found = run_step(sites(), job(model=LLAMA_SHAPE, batch=64, pp=pp, outer=Outer(every=10)), engine="fluid")
        assert found.periodic is not None
        parameters = sum(map(found.plan.held_states, range(pp))) * found.plan.mapping.columns
        # At line rate, and at the share of it that the library's protocol makes of InfiniBand.
        assert 4 * parameters / 12.5e9 <= found.periodic.exchange_s <= 1.12 * 4 * parameters / 12.5e9


def test_groups_that_share_a_network_contend_in_inner_steps() -> None:
    """Four groups of one node each, behind leaves of one node: nothing is shared; their exchange crosses the spines."""
    shared = run_step(fabric(nodes=4), job(batch=64, outer=Outer(every=10, groups=4)), engine="fluid")
    alone = run_step(fabric(nodes=1), job(batch=16), engine="fluid")
    assert shared.periodic is not None
    assert shared.periodic.inner_step_s == pytest.approx(alone.step_s, rel=0.01)
