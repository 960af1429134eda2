"""Offloading to host memory against the arithmetic of ZeRO-Offload and what Megatron-Bridge measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from handmade_jobs import LLAMA_SHAPE, fabric, job, planned
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engines.executor import execute
from weft.engines.step import StepRun, memory_on, run_step
from weft.workload.memory import Memory
from weft.workload.offload import layer_activation_bytes
from weft.workload.spec import Offload
from weft.workload.training import Plan, step_program

GIB = 2.0**30


def run(**more: Any) -> StepRun:
    return run_step(fabric(nodes=2), job(model=LLAMA_SHAPE, batch=64, **more))


def qwen(offload: Offload | None) -> StepRun:
    """Megatron-Bridge's runs: Qwen3 30B-A3B on 16 H100."""
    asked = job(model="qwen3-30b-a3b", sequence=4096, batch=8, tp=2, pp=2, ep=4, stack="megatron-bridge")
    return run_step(fabric(nodes=2), asked.model_copy(update={"offload": offload}))


@pytest.mark.parametrize(
    ("share", "overlap", "added_s"),
    [(0.25, False, 0.875), (0.5, False, 1.488), (0.75, False, 2.191), (1.0, False, 3.193), (1.0, True, 2.881)],
)
def test_seconds_that_megatron_bridge_measured(share: float, overlap: bool, added_s: float) -> None:
    """0.996 s a step without, 1.871 to 4.189 with; one constant serves all five."""
    more = qwen(Offload(optimizer=share, overlap=overlap)).step_s - qwen(None).step_s
    assert more == pytest.approx(added_s, rel=0.15)


@pytest.mark.parametrize(("share", "saved_gb"), [(0.25, 3.8), (0.5, 7.6), (0.75, 11.6), (1.0, 15.3)])
def test_memory_that_megatron_bridge_measured(share: float, saved_gb: float) -> None:
    saved = qwen(None).memory.total_bytes - qwen(Offload(optimizer=share)).memory.total_bytes
    assert saved / 1e9 == pytest.approx(saved_gb, rel=0.02)


@pytest.mark.parametrize(("billions", "seconds"), [(1, 0.22), (2, 0.51), (4, 1.03), (8, 2.41), (10, 2.57)])
def test_cpu_adam_of_zero_offload(billions: float, seconds: float) -> None:
    """Table 4 of the paper: both processors of a DGX-2, 256 GB/s of memory, for one rank."""
    stack = planned(stack="deepspeed-zero2").stack
    predicted = billions * 1e9 * stack.host_optimizer_bytes / (stack.host_optimizer_fraction * 256e9)
    assert predicted == pytest.approx(seconds, rel=0.2)


@pytest.mark.parametrize(
    "layout", [{"tp": 8}, {"pp": 2, "tp": 2}, {"pp": 2, "tp": 8}, {"zero": 3, "stack": "torchtitan"}]
)
def test_one_after_another_is_the_sum_and_side_by_side_the_longest(layout: dict[str, Any]) -> None:
    layout = {"stack": "megatron-bridge", **layout}
    plain = run(**layout)
    plan, host = plain.plan, plain.plan.host
    assert host is not None
    held = max(plan.held_states(stage) for stage in range(plan.mapping.pp))
    copies = [held * each / host.copy_Bps for each in (plan.stack.gradient_bytes, plan.stack.offload_back_bytes)]
    adam = held * plan.stack.host_optimizer_bytes / (plan.stack.host_optimizer_fraction * host.memory_Bps)
    here = plan.plain_kernels.stream(held * plan.stack.optimizer_moved_bytes) - plan.plain_kernels.stream(0.0)
    serial, beside = run(offload=Offload(overlap=False), **layout), run(offload=Offload(), **layout)
    # What the accelerator does itself, its fixed costs, runs beside the host's part.
    own = plan.plain_kernels.stream(0.0) + plan.stack.step_overhead_s
    assert serial.step_s - plain.step_s == pytest.approx(sum(copies) + adam - here - own, rel=1e-6)
    assert beside.step_s - plain.step_s == pytest.approx(adam + sum(copies) / 8 - here - own, rel=1e-6)


@given(
    st.floats(0.05, 1),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from(
        [{"tp": 4}, {"pp": 4, "zero": 2}, {"pp": 4, "schedule": "zb_h1"}, {"zero": 3, "stack": "torchtitan"}]
    ),
    st.sampled_from(["none", "selective", "full"]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_what_leaves_the_accelerator_is_in_the_host(
    share: float, activations: float, layout: dict[str, Any], recompute: str, overlap: bool
) -> None:
    common: dict[str, Any] = {"recompute": recompute, **layout}
    plain = run(**common)
    gradients = plain.plan.job.parallelism.zero >= 2
    there = run(
        offload=Offload(optimizer=share, activations=activations, gradients=gradients, overlap=overlap), **common
    )
    assert there.memory.total_bytes < plain.memory.total_bytes
    assert there.memory.host_bytes > 0
    assert there.step_s >= plain.step_s * (1 - 1e-9) - there.plan.optimizer_s(0)
    assert sum(there.breakdown_s.values()) == pytest.approx(there.step_s, rel=1e-9)
    assert there.breakdown_s["exposed_offload"] >= 0
    same = run_step(fabric(nodes=2), there.plan.job, fold=False)
    assert same.step_s == pytest.approx(there.step_s, rel=1e-9)


def of_one_stage(**more: Any) -> Plan:
    return planned(nodes=1, model=LLAMA_SHAPE, batch=8, tp=8, **more)


def test_activations_leave_but_for_two_layers() -> None:
    plain, away = (
        memory_on(fabric(nodes=1), of_one_stage(offload=offload).job)
        for offload in (None, Offload(optimizer=0, activations=1))
    )
    layer = layer_activation_bytes(of_one_stage(), "none", False)
    layers = LLAMA_SHAPE.layers
    assert plain.activations_bytes - away.activations_bytes == pytest.approx((layers - 2) * layer)
    assert away.host_bytes == pytest.approx(layers * layer)


def test_a_pass_lasts_as_long_as_its_copies_where_those_are_longer() -> None:
    """A host link slow enough that all a step does is copy: activations out, and in again."""
    plan = of_one_stage(offload=Offload(optimizer=0, activations=1))
    assert plan.host is not None
    slow = replace(plan, host=replace(plan.host, copy_Bps=1e6))
    moved = LLAMA_SHAPE.layers * layer_activation_bytes(plan, "none", False) * plan.micro_batches
    ran = execute(step_program(slow), FixedTime())
    assert ran.span_s == pytest.approx(2 * moved / 1e6, rel=1e-3)


class FixedTime:
    """A network that takes no time."""

    name, contends = "instant", False

    def start(self, token: int, communication: object, now_s: float) -> None:
        raise NotImplementedError

    def peek(self) -> float:
        return float("inf")

    def pop(self) -> tuple[float, int]:
        raise NotImplementedError

    def alone_s(self, communication: object) -> float:
        return 0.0

    def bound(self, communication: object) -> str:
        return ""

    def stuck(self) -> str:
        return ""


def test_gradients_leave_beside_every_backward_pass() -> None:
    kept = run(zero=3, stack="torchtitan", offload=Offload())
    sent = run(zero=3, stack="torchtitan", offload=Offload(gradients=True))
    assert sent.memory.gradients_bytes < kept.memory.gradients_bytes
    assert sent.memory.host_bytes == pytest.approx(kept.memory.host_bytes)


def test_the_verdict_says_how_much_offloading_is_enough() -> None:
    over = Memory(30 * GIB, 30 * GIB, 60 * GIB, 0.0, 100 * GIB, movable_bytes=40 * GIB)
    assert "or keep optimizer state in host memory (offload: {optimizer: 0.5})" in over.verdict()
    assert "offload" not in replace(over, movable_bytes=10 * GIB).verdict()
    full = replace(over, optimizer_bytes=20 * GIB, host_bytes=300 * GIB, host_capacity_bytes=256 * GIB)
    assert not full.fits
    assert "300 GiB of 256 GiB in its host" in full.verdict()


def test_fluid_agrees_and_names_the_host() -> None:
    asked = job(model=LLAMA_SHAPE, batch=64, pp=2, tp=4, offload=Offload(activations=0.5))
    closed, fluid = run_step(fabric(nodes=2), asked), run_step(fabric(nodes=2), asked, engine="fluid")
    assert fluid.step_s == pytest.approx(closed.step_s, rel=0.03)
    assert ("host", "exposed_offload") in closed.exposed_by_bound()
