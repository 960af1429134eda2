"""Weft designs, simulates and operates the networks that AI clusters run on.

import weft

cluster = weft.load_cluster("cluster.yaml")
fabric = weft.build_fabric(cluster)
result = weft.simulate(cluster, weft.load_job("job.yaml"))
result.step_time_s, result.mfu, result.breakdown_s
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.api import load_job, simulate
    from weft.calibration import calibrate_gpu, calibrate_nccl
    from weft.catalog import load_catalog
    from weft.economics import bill_of_materials
    from weft.engines.packet.api import packet
    from weft.fabric import Cluster, Fabric, Node, build_fabric, load_cluster
    from weft.result import Result
    from weft.workload.spec import (
        Dispatch,
        Experts,
        Jitter,
        Job,
        LatentAttention,
        Lora,
        Model,
        Offload,
        Outer,
        Overlap,
        Parallelism,
    )

__version__ = "0.1.0"

_HOMES = {
    "Cluster": "weft.fabric",
    "Dispatch": "weft.workload.spec",
    "Experts": "weft.workload.spec",
    "Fabric": "weft.fabric",
    "Jitter": "weft.workload.spec",
    "Job": "weft.workload.spec",
    "LatentAttention": "weft.workload.spec",
    "Lora": "weft.workload.spec",
    "Model": "weft.workload.spec",
    "Node": "weft.fabric",
    "Offload": "weft.workload.spec",
    "Outer": "weft.workload.spec",
    "Overlap": "weft.workload.spec",
    "Parallelism": "weft.workload.spec",
    "Result": "weft.result",
    "bill_of_materials": "weft.economics",
    "build_fabric": "weft.fabric",
    "calibrate_gpu": "weft.calibration",
    "calibrate_nccl": "weft.calibration",
    "load_catalog": "weft.catalog",
    "load_cluster": "weft.fabric",
    "load_job": "weft.api",
    "packet": "weft.engines.packet.api",
    "simulate": "weft.api",
}

__all__ = [
    "Cluster",
    "Dispatch",
    "Experts",
    "Fabric",
    "Jitter",
    "Job",
    "LatentAttention",
    "Lora",
    "Model",
    "Node",
    "Offload",
    "Outer",
    "Overlap",
    "Parallelism",
    "Result",
    "bill_of_materials",
    "build_fabric",
    "calibrate_gpu",
    "calibrate_nccl",
    "load_catalog",
    "load_cluster",
    "load_job",
    "packet",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import weft`` stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
