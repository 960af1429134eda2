"""Experts' traffic on real paths: as the closed form where nothing is in its way, longer where something is."""

from __future__ import annotations

from typing import Any

import pytest

from weft.engines.step import StepRun, run_step
from weft.fabric import Cluster, Node, build_fabric
from weft.workload.spec import Dispatch, Experts, Job, Model, Parallelism

MODEL = Model(
    layers=4,
    hidden=1024,
    heads=16,
    vocab=32000,
    tied_embeddings=False,
    gated=True,
    moe=Experts(experts=32, top_k=4, ffn=512),
)


def run(engine: str, how: Any, *, oversubscription: float = 1.0, fold: bool = True, **degrees: int) -> StepRun:
    cluster = Cluster(
        nodes=4,
        node=Node(system="dgx_h100"),
        scale_out={"topology": "leaf_spine", "leaf_nodes": 1, "oversubscription": oversubscription},
    )
    job = Job(
        model=MODEL, sequence=1024, global_batch=64, parallelism=Parallelism(**degrees), dispatch=Dispatch(how=how)
    )
    return run_step(build_fabric(cluster), job, engine=engine, fold=fold)


@pytest.mark.parametrize("how", ["all_to_all", "deduplicated"])
@pytest.mark.parametrize("degrees", [{"ep": 32}, {"ep": 16}, {"ep": 8, "tp": 2}, {"ep": 8, "etp": 2, "pp": 2}])
def test_both_engines_agree_where_nothing_is_in_the_way(how: str, degrees: dict[str, int]) -> None:
    closed, fluid = (run(engine, how, **degrees) for engine in ("analytic", "fluid"))
    assert closed.breakdown_s["exposed_ep"] > 0
    assert fluid.step_s == pytest.approx(closed.step_s, rel=0.02)


def test_every_rank_for_itself_gives_the_same() -> None:
    folded, whole = (run("fluid", "deduplicated", fold=fold, ep=16, tp=2).step_s for fold in (True, False))
    assert folded == pytest.approx(whole, rel=1e-9)


def test_thin_spines_hold_up_what_crosses_them() -> None:
    wide, thin = (run("fluid", "all_to_all", oversubscription=over, ep=32) for over in (1.0, 4.0))
    assert thin.breakdown_s["exposed_ep"] > 2 * wide.breakdown_s["exposed_ep"]
    inside = [run("fluid", "all_to_all", oversubscription=over, ep=8).breakdown_s["exposed_ep"] for over in (1.0, 4.0)]
    assert inside[0] == pytest.approx(inside[1], rel=0.03)
