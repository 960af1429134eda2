"""A whole step: folding changes nothing, nothing runs before its inputs exist, pipelines bubble as they must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fixed_engine import FixedEngine
from handmade_jobs import LLAMA_SHAPE, TINY, fabric, job, planned
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.collectives import estimate, load_library
from weft.engines.analytic import AnalyticEngine
from weft.engines.executor import execute
from weft.engines.step import StepRun, run_step
from weft.errors import UnknownName
from weft.workload.block import backward_block, forward_block
from weft.workload.chunks import Chunk
from weft.workload.program import Category, Communication, Stream
from weft.workload.training import step_program

overlaps = st.fixed_dictionaries({name: st.booleans() for name in ("tp", "pp", "dp", "cp")})
degrees = st.sampled_from([
    {"pp": 1}, {"pp": 1, "tp": 8}, {"pp": 1, "cp": 2}, {"pp": 2}, {"pp": 2, "interleave": 2}, {"pp": 4, "tp": 2},
    {"pp": 4, "tp": 8, "interleave": 2}, {"pp": 2, "cp": 2, "interleave": 3}, {"pp": 8, "tp": 2},
])  # fmt: skip


@st.composite
def jobs(draw: st.DrawFn, rounds: tuple[int, ...], more: bool = True) -> dict[str, Any]:
    layout = draw(degrees)
    pp, cp, tp = layout["pp"], layout.get("cp", 1), layout.get("tp", 1)
    micro_batches = draw(st.sampled_from(rounds)) * pp
    if more and layout.get("interleave", 1) == 1:
        micro_batches += draw(st.integers(0, pp - 1))
    return {
        **layout,
        "batch": micro_batches * (32 // (pp * cp * tp)),
        "zero": draw(st.integers(0, 3)),
        "overlap": draw(overlaps),
        "stack": draw(st.sampled_from(["megatron-core", "megatron-lm-2022", "llama3", "torchtitan"])),
        "recompute": draw(st.sampled_from(["none", "full"])),
        # Twenty-five layers do not divide evenly, and so no stage is as long as another.
        "model": draw(st.sampled_from([TINY, LLAMA_SHAPE, TINY.model_copy(update={"layers": 25, "vocab": 200_000})])),
    }


@settings(max_examples=40, deadline=None)
@given(jobs(rounds=(10, 13, 30)))
def test_folding_changes_nothing(layout: dict[str, Any]) -> None:
    short, whole = (run_step(fabric(), job(**layout), fold=fold) for fold in (True, False))
    assert short.step_s == pytest.approx(whole.step_s, rel=1e-9)
    for part, seconds in whole.breakdown_s.items():
        assert short.breakdown_s[part] == pytest.approx(seconds, abs=1e-9 * whole.step_s), part
    assert whole.folded == 0


@pytest.mark.parametrize("layout", [{"pp": 1}, {"pp": 2}, {"pp": 4, "tp": 2}, {"pp": 2, "interleave": 2}])
@pytest.mark.parametrize("stack", ["megatron-core", "torchtitan"])
def test_long_steps_are_folded(layout: dict[str, Any], stack: str) -> None:
    ranks = 32 // layout["pp"] // layout.get("tp", 1)
    run = run_step(fabric(), job(**layout, stack=stack, zero=3, batch=40 * layout["pp"] * ranks))
    assert run.folded > 0.8 * run.plan.micro_batches
    assert run.plan.micro_batches == 40 * layout["pp"]


def test_a_pipeline_that_drifts_is_not_folded_too_soon() -> None:
    """Uneven and interleaved: it settles later than two rounds, and takes longer per round once it has."""
    uneven = TINY.model_copy(update={"layers": 25, "vocab": 200_000})
    layout = job(model=uneven, pp=4, tp=8, interleave=2, zero=0, batch=60, sequence=256, stack="megatron-core")
    short, whole = (run_step(fabric(), layout, fold=fold) for fold in (True, False))
    assert short.step_s == pytest.approx(whole.step_s, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(jobs(rounds=(1, 3)))
def test_nothing_runs_before_its_inputs_exist(layout: dict[str, Any]) -> None:
    """A collective of a pass runs while that pass does: after the compute before it, before the compute after it."""
    run = run_step(fabric(), job(**layout), fold=False)
    program, start, end = run.execution.program, run.execution.start_s, run.execution.end_s
    passes: dict[tuple[int, str], list[int]] = {}
    for op, label in enumerate(program.label):
        if label[0] in "FB":
            passes.setdefault((program.rank[op], label), []).append(op)
    for rank in range(len(program.ranks)):
        clock = 0.0
        for (its, label), operations in passes.items():
            if its != rank:
                continue
            inside = [op for op in operations if program.category[op] in (Category.COMPUTE, Category.TP, Category.CP)]
            assert min(start[op] for op in inside) >= clock - 1e-12, label
            clock = max(end[op] for op in inside)


@settings(max_examples=40, deadline=None)
@given(jobs(rounds=(1, 2, 12)))
def test_parts_of_a_step_add_up(layout: dict[str, Any]) -> None:
    run = run_step(fabric(), job(**layout))
    assert sum(run.breakdown_s.values()) == pytest.approx(run.step_s, rel=1e-9)
    assert min(run.breakdown_s.values()) >= -1e-12
    exposed = sum(seconds for part, seconds in run.breakdown_s.items() if part.startswith("exposed"))
    assert sum(run.exposed_by_bound().values()) == pytest.approx(exposed, abs=1e-9 * run.step_s)


@pytest.mark.parametrize("layout", [{}, {"pp": 2}, {"pp": 4, "interleave": 2}])
@pytest.mark.parametrize("stack", ["megatron-core", "llama3"])
def test_hiding_large_collectives_pays(layout: dict[str, int], stack: str) -> None:
    """Copy engines move tensor-parallel pieces: hiding them costs the compute nothing."""
    hidden, shown = (
        run_step(fabric(), job(tp=8, stack=stack, sequence=8192, overlap={"tp": tp, "pp": True}, **layout))
        for tp in (True, False)
    )
    assert hidden.step_s < shown.step_s
    assert hidden.breakdown_s["exposed_tp"] < shown.breakdown_s["exposed_tp"]
    assert hidden.breakdown_s["compute"] == pytest.approx(shown.breakdown_s["compute"], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(p=st.sampled_from([1, 2, 4]), rounds=st.integers(1, 5), v=st.sampled_from([1, 2, 4]))
def test_uniform_stages_bubble_as_the_papers_say(p: int, rounds: int, v: int) -> None:
    """(p-1)/(m v) of the ideal time, with transfers that take none and without the ends of the model."""
    plan = planned(model=TINY, pp=p, interleave=v, dp=1, zero=0, batch=rounds * p)
    plan = replace(plan, chunks=((Chunk(16 // (p * v)),) * v,) * p)
    m, whole = rounds * p, [block(plan, 0, 16 // p).compute_s for block in (forward_block, backward_block)]
    ideal = m * sum(whole)
    span = execute(step_program(plan), FixedEngine()).span_s
    assert span - plan.optimizer_s(0) == pytest.approx(ideal * (1 + (p - 1) / (m * v)))


def test_the_head_makes_the_last_stage_the_slowest() -> None:
    def bubble(vocab: int) -> float:
        shape = TINY.model_copy(update={"vocab": vocab})
        run = run_step(fabric(), job(model=shape, pp=4, batch=128, zero=0))
        return run.breakdown_s["bubble"] / run.step_s

    assert bubble(256_000) > bubble(1024) > 0


def seconds(**layout: Any) -> StepRun:
    return run_step(fabric(), job(model=LLAMA_SHAPE, stack="megatron-core", **layout))


def test_more_micro_batches_shrink_the_bubble() -> None:
    """Without a head to speak of, bubble over work follows (p-1)/m; transfers and the embedding add to it a little."""
    even = TINY.model_copy(update={"vocab": 128})
    for m in (4, 8, 32):
        run = run_step(fabric(), job(model=even, pp=4, dp=1, batch=m, sequence=8192, stack="megatron-core"))
        work = run.breakdown_s["compute"] - run.plan.optimizer_s(0)
        assert run.breakdown_s["bubble"] / work == pytest.approx(3 / m, rel=0.25)


def test_interleaving_shrinks_the_bubble() -> None:
    assert seconds(pp=4, batch=64, interleave=2).breakdown_s["bubble"] < seconds(pp=4, batch=64).breakdown_s["bubble"]


def test_recomputation_costs_time_and_saves_memory() -> None:
    none, full = seconds(batch=64, sequence=4096), seconds(batch=64, sequence=4096, recompute="full")
    assert full.step_s > none.step_s
    assert full.memory.total_bytes < none.memory.total_bytes


def test_figures_of_a_step_follow_from_its_time() -> None:
    run = seconds(batch=64, tp=2)
    assert run.tokens_per_s == pytest.approx(64 * 512 / run.step_s)
    per_token = run.plan.transformer.flops_per_token(512)
    assert run.model_flops_per_s == pytest.approx(per_token * 64 * 512 / run.step_s / 32)
    counted_causal = seconds(batch=64, tp=2, causal_flops=True)
    assert counted_causal.step_s == run.step_s
    assert counted_causal.model_flops_per_s < run.model_flops_per_s


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'analytic'"):
        run_step(fabric(), job(), engine="analitic")


def test_the_closed_form_takes_what_the_collective_takes() -> None:
    library = load_library("nccl", fabric().catalog)
    engine = AnalyticEngine(fabric(), library)
    sent = Communication("all_reduce", 1e9, range(0, 32, 8), repeat=3)
    alone = estimate("all_reduce", 1e9, fabric().group(range(0, 32, 8)), library=library)
    assert engine.alone_s(sent) == pytest.approx(3 * alone.time_s)
    assert engine.bound(sent) == alone.bound


def test_the_closed_form_lets_everything_run_alone() -> None:
    """What is in flight together ends as if alone, in order of time; with nothing in flight, nothing ends."""
    engine = AnalyticEngine(fabric(), load_library("nccl", fabric().catalog))
    large, small = (Communication("all_gather", size, range(32)) for size in (1e9, 1e6))
    assert engine.peek() == float("inf")
    engine.start(7, large, 1.0)
    engine.start(8, small, 1.5)
    ends = sorted([(1.0 + engine.alone_s(large), 7), (1.5 + engine.alone_s(small), 8)])
    assert engine.peek() == ends[0][0]
    assert [engine.pop(), engine.pop()] == ends
    assert engine.peek() == float("inf")


def test_a_single_gpu_only_computes() -> None:
    run = run_step(fabric(1), job(model=LLAMA_SHAPE, dp=1, batch=4))
    assert run.breakdown_s["compute"] == pytest.approx(run.step_s)
    assert run.exposed_by_bound() == {}
    assert set(run.execution.program.stream) == {Stream.COMPUTE}
