"""Whole steps under each pipeline schedule: the same work, the bubble and the memory that it stands for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from fixed_engine import FixedEngine
from handmade_jobs import LLAMA_SHAPE, TINY, fabric, job, planned

from weft.engines.executor import execute
from weft.engines.step import run_step
from weft.errors import ConfigError
from weft.workload.chunks import Chunk
from weft.workload.memory import memory_of
from weft.workload.passes import Work
from weft.workload.program import Category, Program
from weft.workload.spec import Model
from weft.workload.split_pass import pass_s
from weft.workload.training import Plan, step_program

SCHEDULES = ("1f1b", "gpipe", "zb_h1", "zb_h2", "dualpipe")


def uniform(schedule: str, **more: Any) -> Plan:
    """Four stages of equal layers, without embedding or head."""
    plan = planned(model=LLAMA_SHAPE, pp=4, schedule=schedule, **{"batch": 64, "dp": 1, **more})
    return replace(plan, chunks=tuple(tuple(Chunk(each.layers) for each in stage) for stage in plan.chunks))


@pytest.mark.parametrize("micro_batch", [1, 4])
@pytest.mark.parametrize("schedule", [each for each in SCHEDULES if each != "zb_h2"])
def test_the_bubble_of_a_whole_step_is_that_of_the_papers(schedule: str, micro_batch: int) -> None:
    """With nothing to wait for but other stages' compute. DualPipe's holds for B - W = F; here B - W is longer."""
    plan = uniform(schedule, micro_batch=micro_batch, sequence=2048)
    f, b, w = (pass_s(plan, plan.chunks[0][0], work) for work in (Work.FORWARD, Work.BACKWARD, Work.WEIGHTS))
    assert w <= min(f, b - w)
    p, m = 4, 64 // micro_batch
    bubble = {"1f1b": (p - 1) * (f + b), "gpipe": (p - 1) * (f + b), "zb_h1": (p - 1) * (f + b - 2 * w)}
    span = execute(step_program(plan), FixedEngine()).span_s - plan.optimizer_s(0)
    if schedule == "dualpipe":
        assert b - w >= f
        most = (p / 2 - 1) * (f + 2 * b - 3 * w)
        assert most - (p / 2) * (b - w - f) <= span - m * (f + b) <= most
    else:
        assert span - m * (f + b) == pytest.approx(bubble[schedule], rel=1e-9)


@pytest.mark.parametrize("engine", ["analytic", "fluid"])
def test_a_schedule_that_runs_on_is_timed_from_step_to_step(engine: str) -> None:
    """ZB-H2: bubble and memory between those of ZB-H1 and twice that, the same folded or not."""
    layout: dict[str, Any] = {"model": LLAMA_SHAPE, "pp": 4, "tp": 2, "batch": 128, "sequence": 2048}
    first, second = (run_step(fabric(), job(schedule=name, **layout), engine=engine) for name in ("zb_h1", "zb_h2"))
    assert second.step_s < first.step_s
    assert second.breakdown_s["bubble"] < first.breakdown_s["bubble"]
    assert second.memory.activations_bytes > 1.5 * first.memory.activations_bytes
    assert sum(second.breakdown_s.values()) == pytest.approx(second.step_s, rel=1e-9)
    whole = run_step(fabric(), second.plan.job, engine=engine, fold=False)
    assert whole.step_s == pytest.approx(second.step_s, rel=1e-9)
    assert second.step_s >= second.breakdown_s["compute"]


def computed(program: Program) -> float:
    labels = zip(program.label, program.seconds, strict=True)
    return sum(seconds for label, seconds in labels if label != "optimizer")


def moved(program: Program, category: Category) -> Counter[str]:
    found: Counter[str] = Counter()
    for op, index in enumerate(program.communication):
        if index >= 0 and program.category[op] == category:
            each = program.communications[index]
            found[each.kind] += each.size_bytes * each.repeat  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("more", [{}, {"recompute": "full"}, {"cp": 2}, {"sequence_parallel": False}])
@pytest.mark.parametrize("schedule", SCHEDULES[1:])
def test_every_schedule_computes_and_passes_on_the_same(schedule: str, more: dict[str, Any]) -> None:
    layout: dict[str, Any] = {"model": TINY, "pp": 4, "tp": 2, "batch": 64, **more}
    usual, other = (step_program(planned(schedule=name, **layout)) for name in ("1f1b", schedule))
    assert computed(other) == pytest.approx(computed(usual))
    for category in (Category.TP, Category.CP, Category.PP):
        assert moved(other, category) == pytest.approx(moved(usual, category))


@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize("overlap", [True, False])
def test_copies_of_a_stage_sum_their_gradients_as_one_group_would(zero: int, overlap: bool) -> None:
    """Halves over the replicas, halves exchanged: together the bytes of one ring over all 2 dp ranks."""
    plan = planned(model=TINY, pp=4, schedule="dualpipe", zero=zero, batch=64, overlap={"dp": overlap})
    found = moved(step_program(plan), Category.DP)
    once = sum(plan.stage_parameters(stage) for stage in range(4)) / 2  # all stages' parameters, each once
    dp, gradients = 8, plan.stack.reduce_bytes * once
    if zero == 0:
        assert found == pytest.approx({"all_reduce": gradients, "send_recv": 2 * gradients})
        return
    assert found == pytest.approx(
        {"reduce_scatter": gradients, "all_gather": 2 * once, "send_recv": gradients + 2 * once}
    )
    # Bytes that ranks send: (dp-1)/dp of a reduce-scatter, all of a transfer; (2 dp-1)/(2 dp) on each of two ranks.
    sent = found["reduce_scatter"] * (dp - 1) / dp + gradients
    assert sent == pytest.approx(2 * gradients * (2 * dp - 1) / (2 * dp))


def test_the_optimizer_waits_for_both_copies() -> None:
    for zero in (0, 1):
        program = step_program(planned(model=TINY, pp=2, schedule="dualpipe", zero=zero, batch=64))
        ends = execute(program, FixedEngine(1e-12)).end_s
        last = max(ends[op] for op, label in enumerate(program.label) if label.endswith("gradients"))
        starts = [op for op, label in enumerate(program.label) if label == "optimizer"]
        assert len(starts) == 2
        assert min(execute(program, FixedEngine(1e-12)).start_s[op] for op in starts) >= last - 1e-3


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_activations_are_those_in_flight(schedule: str) -> None:
    """GPipe: all micro-batches; ZB-H1: p, ZB-H2: 2p - 1 (Qi et al., table 2); DualPipe: p + 1 (DeepSeek's table)."""
    shape = Model(layers=8, hidden=1024, heads=16, vocab=1000)
    plan = planned(model=shape, pp=4, dp=1, batch=16, zero=0, schedule=schedule)
    layer = 2.0 * 512 * (4 * 1024 + 4 * 1024 + 2 * 4096)
    for stage in range(4):
        only = replace(plan, chunks=tuple(each if i == stage else () for i, each in enumerate(plan.chunks)))
        logits = 4.0 * 512 * 1000 if any(chunk.heads for chunk in plan.chunks[stage]) else 0.0
        held = {"1f1b": 4 - stage, "gpipe": 16, "zb_h1": 4, "zb_h2": 7, "dualpipe": 5}[schedule]
        assert memory_of(only, 80e9).activations_bytes == pytest.approx(held * 2 * layer + logits)


def test_dual_pipe_holds_parameters_twice_and_their_state_once() -> None:
    usual, twice = (planned(model=LLAMA_SHAPE, pp=4, batch=64, schedule=name) for name in ("1f1b", "dualpipe"))
    assert sum(map(twice.stage_parameters, range(4))) == 2 * sum(map(usual.stage_parameters, range(4)))
    for stage in range(4):
        assert twice.stage_parameters(stage) == usual.stage_parameters(stage) + usual.stage_parameters(3 - stage)
    assert twice.state_ranks == 2 * usual.state_ranks


def test_a_tied_table_is_held_once_by_the_ends_of_a_dual_pipe() -> None:
    tied = LLAMA_SHAPE.model_copy(update={"tied_embeddings": True})
    plan = planned(model=tied, pp=4, batch=64, schedule="dualpipe")
    table = tied.vocab * tied.hidden
    assert plan.stage_parameters(0) - plan.stage_parameters(1) == table


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_folding_changes_nothing(schedule: str) -> None:
    step = job(model=LLAMA_SHAPE, batch=512, pp=4, tp=2, schedule=schedule, overlap={"pp": True})
    folded, whole = (run_step(fabric(), step, fold=fold) for fold in (True, False))
    assert folded.step_s == pytest.approx(whole.step_s, rel=1e-9)
    assert folded.breakdown_s == pytest.approx(whole.breakdown_s, rel=1e-6, abs=1e-9)


def test_better_schedules_are_faster_where_the_bubble_is_large() -> None:
    shape = Model(layers=30, hidden=4096, heads=32, vocab=51200)
    steps = {
        name: run_step(fabric(), job(model=shape, sequence=2048, pp=8, dp=1, batch=16, schedule=name))
        for name in SCHEDULES
    }
    seconds = {name: run.step_s for name, run in steps.items()}
    assert seconds["dualpipe"] < seconds["zb_h1"] < seconds["1f1b"] == pytest.approx(seconds["gpipe"], rel=0.01)


# Qi et al., arXiv 2401.10241, tables 3 and 4: samples a GPU and second with 1F1B and with ZB-1p on A100.
@pytest.mark.parametrize(
    ("layers", "heads", "hidden", "p", "b", "m", "plain", "zero"),
    [
        (22, 24, 2304, 8, 6, 24, 11.8, 12.9),
        (22, 24, 2304, 8, 6, 64, 13.6, 14.2),
        (30, 32, 4096, 8, 3, 24, 3.50, 3.88),
        (30, 32, 4096, 8, 3, 64, 4.03, 4.20),
        (46, 40, 5120, 16, 1, 48, 1.40, 1.61),
        (46, 40, 5120, 16, 1, 128, 1.64, 1.76),
        (62, 48, 6144, 32, 1, 96, 0.76, 0.87),
        (62, 48, 6144, 32, 1, 256, 0.88, 0.96),
    ],
)
def test_zero_bubble_gains_what_its_authors_measured(
    layers: int, heads: int, hidden: int, p: int, b: int, m: int, plain: float, zero: float
) -> None:
    gpt = Model(layers=layers, heads=heads, hidden=hidden, vocab=51200, learned_positions=True, bias=True, dropout=True)

    def seconds(schedule: str) -> float:
        layout = {"pp": p, "dp": 1, "micro_batch": b, "batch": b * m, "schedule": schedule, "sequence": 1024}
        return run_step(fabric(p // 8, "dgx_a100"), job(model=gpt, stack="megatron-lm-2022", **layout)).step_s

    assert seconds("1f1b") / seconds("zb_h1") == pytest.approx(zero / plain, rel=0.03)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"schedule": "zb_h1"}, "schedule: zb_h1 needs a pipeline"),
        ({"schedule": "zb_h2"}, "schedule: zb_h2 needs a pipeline"),
        ({"schedule": "zb_h1", "pp": 4, "interleave": 2}, "interleave goes with schedule: 1f1b only"),
        ({"schedule": "dualpipe", "pp": 4, "batch": 32}, "at least 2 pp = 8; these are 4"),
    ],
)
def test_what_a_schedule_cannot_do_is_refused_before_anything_runs(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        planned(model=TINY, **more)
    assert str(caught.value.field).startswith("parallelism.")
