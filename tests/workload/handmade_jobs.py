"""Clusters and jobs that tests share: small shapes, every degree written out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from weft.engines.step import plan_on
from weft.fabric import Cluster, Fabric, Node, build_fabric
from weft.workload.spec import Job, Model, Overlap, Parallelism
from weft.workload.training import Plan

TINY = Model(name="tiny", layers=16, hidden=1024, heads=16, vocab=32000, tied_embeddings=False)
LLAMA_SHAPE = Model(
    name="small llama",
    layers=8,
    hidden=2048,
    heads=16,
    kv_heads=8,
    ffn=5632,
    vocab=32000,
    gated=True,
    tied_embeddings=False,
)


@lru_cache
def fabric(nodes: int = 4, system: str = "dgx_h100") -> Fabric:
    """Nodes of eight accelerators under one layer of leaves and spines."""
    network = {"topology": "leaf_spine"} if nodes > 1 else None
    return build_fabric(Cluster(nodes=nodes, node=Node(system=system), scale_out=network))


def job(*, model: Model | str = TINY, batch: int = 32, overlap: dict[str, bool] | None = None, **more: Any) -> Job:
    """A job; parallelism's fields may be given beside the job's own."""
    degrees = {name: more.pop(name) for name in tuple(more) if name in Parallelism.model_fields}
    more.setdefault("sequence", 512)
    return Job(
        model=model,
        global_batch=batch,
        parallelism=Parallelism(**degrees),
        overlap=Overlap(**(overlap or {})),
        **more,
    )


def planned(nodes: int = 4, system: str = "dgx_h100", **more: Any) -> Plan:
    """A job resolved on a fabric."""
    return plan_on(fabric(nodes, system), job(**more))
