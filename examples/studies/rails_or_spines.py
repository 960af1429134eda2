"""Rails alone, or rails under spines: what leaving the spines away costs dense training and mixtures of experts.

DGX H100 and A100 nodes, without any library's overheads. Dense models talk along rails only. An all-to-all changes
rails: with spines every GPU sends straight to every other; without, it first hands everything over NVLink to whoever
is on the right rail. Where the two parts follow one another (two_level), NVLink's time is added; where they stream
side by side, it hides behind the NICs'. Run from the repository's root:

    python examples/studies/rails_or_spines.py
"""

from __future__ import annotations

from predicted_published import Row, percent, print_rows

from weft import Cluster
from weft.collectives import IDEAL
from weft.engines.fluid.bench import FluidBench
from weft.engines.step import run_step
from weft.fabric import Fabric, build_fabric
from weft.fabric.routing_options import Routing
from weft.report.terminal import Column, table
from weft.workload.spec import Job

SIZE_bytes = float(1 << 30)
NODES = (8, 16, 32, 64)
SPINES, RAILS = "rail_optimised", "rail_only"


def build(nodes: int, topology: str, system: str = "dgx_h100") -> Fabric:
    """Build nodes on rail switches, with spines or without."""
    spec = {"nodes": nodes, "node": {"system": system}, "scale_out": {"topology": topology, "protocol": "infiniband"}}
    return build_fabric(Cluster.model_validate(spec))


def all_to_all_s(fabric: Fabric, algorithm: str, routing: Routing | None = None) -> float:
    """Return seconds of 1 GiB from every GPU to all."""
    ranks = range(fabric.accelerators)
    bench = FluidBench(fabric, "all_to_all", [SIZE_bytes], ranks, library=IDEAL, algorithm=algorithm, routing=routing)
    return bench.run(SIZE_bytes).time_s


def overheads(nodes: int, system: str = "dgx_h100") -> tuple[float, float]:
    """Return how much longer an all-to-all takes without spines: parts one after another, and side by side."""
    straight = all_to_all_s(build(nodes, SPINES, system), "direct", Routing(pxn="never"))
    rails = build(nodes, RAILS, system)
    return all_to_all_s(rails, "two_level") / straight - 1, all_to_all_s(rails, "direct") / straight - 1


def dense_step_s(nodes: int, topology: str) -> float:
    """Return seconds of a step of Llama 3 70B, tensor parallel by 8, 4 stages, the rest data parallel."""
    job = {
        "model": "llama3-70b",
        "sequence": 4096,
        "global_batch": 8 * nodes,
        "micro_batch": 1,
        "parallelism": {"tp": 8, "pp": 4, "dp": nodes // 4, "zero": 1},
        "stack": "megatron-core",
    }
    return run_step(build(nodes, topology), Job.model_validate(job), engine="fluid").step_s


def dense_difference(nodes: int) -> float:
    """Return how much longer a dense step takes without spines, or shorter."""
    return abs(dense_step_s(nodes, RAILS) / dense_step_s(nodes, SPINES) - 1)


def rows() -> list[Row]:
    """Return predicted figures beside the published ones."""
    experts = [
        Row(f"all-to-all without spines, {n} DGX H100", overheads(n)[0], "rail_only_all_to_all", percent) for n in NODES
    ]
    a100 = Row("all-to-all without spines, 8 DGX A100", overheads(8, "dgx_a100")[0], "rail_only_all_to_all", percent)
    return [*experts, a100, Row("dense step without spines, 64", dense_difference(64), "rail_only_dense", percent)]


def main() -> None:
    """Print every size, then predicted beside published."""
    lines = []
    for n in NODES:
        after, beside = overheads(n)
        # NVLink moves 7/8 of all bytes at 450 GB/s, NICs (n - 1)/n of them at 50
        closed = 7 / 8 / 450 / ((n - 1) / n / 50)
        lines.append((f"{n}", percent(after), percent(closed), percent(beside), f"{100 * dense_difference(n):.4f}%"))
    columns = [Column(name, right=True) for name in ("one after another", "closed form", "side by side", "dense step")]
    print(table([Column("DGX H100 without spines, longer by"), *columns], lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
