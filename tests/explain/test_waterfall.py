"""The waterfall adds up, begins with the model's own FLOPs, and leaves out no fact that the step rests on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import weft
from weft.catalog import Catalog, Part
from weft.engines.plans import plan_on
from weft.explain.ladder import compute_s, rungs
from weft.explain.waterfall import Bar, waterfall
from weft.result import Result

EXAMPLES = ("llama3-405b", "dgx-a100", "gb200-nvl72", "small")
CLUSTER = weft.Cluster(nodes=2, node=weft.Node(system="dgx_h100"), scale_out={"topology": "leaf_spine"})
GPT = weft.Model(layers=32, hidden=4096, heads=32, vocab=51200)


def job(**fields: object) -> weft.Job:
    defaults = {"model": GPT, "sequence": 2048, "global_batch": 64, "parallelism": {"tp": 2, "pp": 4}}
    return weft.Job.model_validate(defaults | fields)


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request: pytest.FixtureRequest, root: Path) -> Result:
    folder = root / "examples" / request.param
    return weft.simulate(folder / "cluster.yaml", folder / "job.yaml")


def named(bars: tuple[Bar, ...]) -> dict[str, Bar]:
    return {bar.name: bar for bar in bars}


def test_bars_add_up_to_the_step_and_agree_with_the_breakdown(example: Result) -> None:
    bars = waterfall(example.run, example.fabric)
    assert sum(bar.seconds for bar in bars) == pytest.approx(example.step_time_s, rel=1e-9)
    assert all(bar.seconds > 0 for bar in bars)
    other = ("bubble", "waiting")
    compute = [bar.seconds for bar in bars if bar.name not in other and not bar.name.startswith("exposed")]
    assert sum(compute) == pytest.approx(example.breakdown_s["compute"], rel=1e-9)
    for bar in bars:
        if bar.name.startswith("exposed"):
            assert bar.seconds == example.breakdown_s[bar.name]
    assert sum(bar.seconds for bar in bars if bar.name in other) == pytest.approx(example.breakdown_s["bubble"])


def test_it_begins_with_the_models_flops_at_the_published_peak(example: Result) -> None:
    plan = example.run.plan
    per_token = plan.transformer.flops_per_token(plan.job.sequence, causal=True)
    seconds = per_token * plan.tokens / plan.mapping.ranks / plan.peak
    assert waterfall(example.run, example.fabric)[0].seconds == pytest.approx(seconds, rel=1e-9)


def test_the_last_rung_is_the_plan(example: Result) -> None:
    plan = example.run.plan
    *_, last = rungs(plan, example.fabric.plan.accelerator)
    assert compute_s(last.plan) == pytest.approx(compute_s(plan), rel=1e-12)


@pytest.mark.parametrize("batch", [16, 64, 100])
def test_two_short_programs_tell_what_a_long_one_computes(batch: int) -> None:
    """Against the executor, which runs every micro-batch; no collective slows compute here."""
    result = weft.simulate(CLUSTER, job(global_batch=batch, parallelism={"tp": 8, "pp": 2}), fold=False)
    assert result.run.folded == 0
    assert compute_s(result.run.plan) == pytest.approx(result.breakdown_s["compute"], rel=1e-9)


def test_an_even_pipelines_bubble_is_its_schedules() -> None:
    """(p-1)/(m v) of the ideal time (Narayanan et al. SC'21), where embedding and head weigh little."""
    deep = weft.Model(layers=128, hidden=4096, heads=32, vocab=1024)
    for interleave in (1, 4):
        shape = {"tp": 2, "pp": 8, "interleave": interleave}
        result = weft.simulate(CLUSTER, job(model=deep, global_batch=32, parallelism=shape))
        bars = named(waterfall(result.run, result.fabric))
        ideal = 7 / (result.run.plan.micro_batches * interleave) * result.breakdown_s["compute"]
        assert bars["bubble"].seconds == pytest.approx(ideal, rel=0.05)


def test_no_pipeline_no_bubble() -> None:
    result = weft.simulate(CLUSTER, job(parallelism={"tp": 8}))
    assert "bubble" not in named(waterfall(result.run, result.fabric))


def test_fp8_has_its_own_peak_and_its_quantisation() -> None:
    result = weft.simulate(CLUSTER, job(precision="fp8", parallelism={"tp": 8}, recompute="full"))
    bars = named(waterfall(result.run, result.fabric))
    assert {"quantisation", "recomputation"} <= bars.keys()
    assert {fact.fact for fact in bars["peak"].basis} == {"fp8_dense_tflops", "bf16_dense_tflops"}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[tuple[str, str]]]:
    """Every fact of a model of compute that is read, as (kind of part, name)."""
    seen: set[tuple[str, str]] = set()
    whole = Part.si_range

    def spy(self: Part, name: str) -> object:
        if self.kind in ("kernels", "stacks", "attention"):
            seen.add((self.kind, name))
        return whole(self, name)

    monkeypatch.setattr(Part, "si_range", spy)
    yield seen


OFFLOADING = {
    *("offload_back_bytes_per_parameter", "offloaded_state_bytes_per_parameter"),
    *("host_optimizer_bytes_per_parameter", "host_optimizer_frac"),
}


def test_offloading_is_a_bar_with_its_facts() -> None:
    result = weft.simulate(CLUSTER, job(stack="megatron-bridge", offload={"optimizer": 1}, parallelism={"tp": 4}))
    bars = {bar.name: bar for bar in waterfall(result.run, result.fabric)}
    assert sum(bar.seconds for bar in bars.values()) == pytest.approx(result.step_time_s)
    cited = {fact.fact for fact in bars["exposed_offload"].basis}
    assert cited >= OFFLOADING | {"host_copy_gBps", "host_memory_gBps"}


@pytest.mark.parametrize("stack", ["megatron-core", "megatron-lm-2021", "torchtitan"])
@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_every_fact_that_the_plan_reads_is_cited(read: set[tuple[str, str]], stack: str, precision: str) -> None:
    result = weft.simulate(CLUSTER, job(stack=stack, precision=precision, parallelism={"tp": 4, "pp": 2}))
    bars = waterfall(result.run, result.fabric)
    read.clear()
    plan_on(result.fabric, result.run.plan.job)
    cited = {(fact.kind, fact.fact) for bar in bars for fact in bar.basis}
    # Slowing beside collectives, traffic and offloading are cited where the step has any.
    absent = {"overlap_slowdown_frac", "gather_rate_x", "tp_hidden_frac", "ep_hidden_frac"} | OFFLOADING
    absent |= {"exchange_pieces_count", "experts_multiprocessors_count"}
    assert {(kind, name) for kind, name in read - cited if name not in absent} == set()


def test_multiprocessors_that_send_tokens_are_cited_with_the_clock() -> None:
    """Of the time at the published peak, 132 / 112 is lost to them, whatever the clock."""
    layout = {"parallelism": {"pp": 2, "ep": 8}, "model": "deepseek-v2-lite", "precision": "fp8"}
    lost = {}
    for stack in ("deepseek", "megatron-core"):
        result = weft.simulate(CLUSTER, job(stack=stack, **layout))
        bars = {bar.name: bar for bar in waterfall(result.run, result.fabric)}
        assert "experts_multiprocessors_count" in {fact.fact for fact in bars["clock"].basis}
        lost[stack] = (bars["peak"].seconds + bars["clock"].seconds) / bars["peak"].seconds
    assert lost["deepseek"] > lost["megatron-core"] > 1


def test_citations_are_the_catalogs_own_words(example: Result) -> None:
    catalog: Catalog = example.fabric.catalog
    bars = waterfall(example.run, example.fabric)
    for bar in bars:
        for each in bar.basis:
            fact = catalog.get(each.kind, each.part).fact(each.fact)
            assert (each.low, each.typical, each.high) == (fact.low, fact.typical, fact.high)
            assert each.confidence == fact.confidence
            assert [source for source, _, _ in each.sources] == list(fact.sources)
            assert all(title for _, title, _ in each.sources)
    based = {bar.name for bar in bars if bar.basis}
    assert {"peak", "clock", "products", "attention", "memory", "overheads"} <= based
    assert all(bar.name in based for bar in bars if bar.name.startswith("exposed"))


def test_an_overlays_fact_is_cited_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "kind: kernels\nsources:\n  us: {title: Measured here, kind: yours}\nparts:\n"
        "- id: hopper\n  bf16_sustained_frac: {value: 0.75, src: us, conf: yours}\n"
    )
    cluster = CLUSTER.model_copy(update={"catalog": ["mine.yaml"]}).placed_in(tmp_path)
    result = weft.simulate(cluster, job())
    bars = named(waterfall(result.run, result.fabric))
    (fact,) = [each for each in bars["clock"].basis if each.fact == "bf16_sustained_frac"]
    assert (fact.typical, fact.confidence, fact.sources[0][1]) == (0.75, "yours", "Measured here")
    peak = bars["peak"].seconds
    assert bars["clock"].seconds > 0
    assert peak == pytest.approx(named(waterfall_of(job()))["peak"].seconds)


def waterfall_of(what: weft.Job) -> tuple[Bar, ...]:
    result = weft.simulate(CLUSTER, what)
    return waterfall(result.run, result.fabric)
