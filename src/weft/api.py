"""A cluster and a job in, an answer out: what ``weft simulate`` prints and what Python callers get."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from weft import __version__
from weft.economics import BillOfMaterials, bill_of_materials
from weft.economics.running import TokensCost, tokens_cost
from weft.engines.step import StepRun, run_step
from weft.fabric import Cluster, Fabric, build_fabric, load_cluster
from weft.files import located, read_model
from weft.report.html import card
from weft.report.perfetto import Slice
from weft.report.simulation import headline
from weft.workload.program import Category, Stream
from weft.workload.spec import Job

SCHEMA = "weft.simulate/1"


def load_job(path: str | os.PathLike[str]) -> Job:
    """Read a job file.

    Raises:
        ConfigError: with file, line and field.
    """
    return read_model(path, Job)


def simulate(
    cluster: Cluster | str | os.PathLike[str],
    job: Job | str | os.PathLike[str],
    *,
    engine: str = "analytic",
    fold: bool = True,
) -> Result:
    """Simulate one optimizer step of a training job on a cluster.

    Args:
        cluster: a cluster, or the path of a cluster file.
        job: a job, or the path of a job file.
        engine: what times transfers; ``"analytic"`` is the closed form.
        fold: leave out micro-batches that only repeat the pipeline's steady state (the answer is the same).

    Raises:
        ConfigError: a file or a combination of the two is wrong.
        InfeasibleError: the fabric cannot be built.
    """
    started = time.perf_counter()
    cluster_spec = cluster if isinstance(cluster, Cluster) else load_cluster(cluster)
    job_spec = job if isinstance(job, Job) else load_job(job)
    fabric = build_fabric(cluster_spec)
    with located(job_spec):
        run = run_step(fabric, job_spec, engine=engine, fold=fold)
    return Result(fabric, run, time.perf_counter() - started)


@dataclass(frozen=True)
class Result:
    """What a simulated step says; every figure is also in ``to_dict()`` and ``tables()``.

    Attributes:
        fabric: what the job ran on.
        run: the step.
        wall_s: how long the simulation took.
    """

    fabric: Fabric
    run: StepRun
    wall_s: float

    @property
    def step_time_s(self) -> float:
        """Seconds of one optimizer step."""
        return self.run.step_s

    @property
    def breakdown_s(self) -> dict[str, float]:
        """Where the step's seconds go; the parts add up to the step."""
        return self.run.breakdown_s

    @property
    def tflops_per_gpu(self) -> float:
        """Model TFLOP/s of one accelerator."""
        return self.run.model_flops_per_s / 1e12

    @property
    def mfu(self) -> float:
        """Model FLOP/s over the accelerator's dense 16-bit peak."""
        return self.run.model_flops_per_s / self.run.plan.peak

    @property
    def tokens_per_s(self) -> float:
        """Tokens of the whole job per second."""
        return self.run.tokens_per_s

    @cached_property
    def bill(self) -> BillOfMaterials:
        """What the network is made of and costs."""
        return bill_of_materials(self.fabric)

    @cached_property
    def per_trillion_tokens(self) -> TokensCost:
        """Cost and energy of 1e12 trained tokens on the accelerators that the job uses."""
        share = self.run.plan.mapping.ranks / self.fabric.accelerators
        return tokens_cost(self.fabric, self.tokens_per_s, share=share, bill=self.bill)

    @cached_property
    def bottleneck(self) -> tuple[str, str, float]:
        """(link class, breakdown entry, exposed seconds) of the link class that holds up the step most."""
        found = self.run.exposed_by_bound()
        if not found:
            return ("none", "compute", 0.0)
        (bound, entry), seconds = max(found.items(), key=lambda item: item[1])
        return bound, entry, seconds

    def warnings(self) -> list[str]:
        """What a reader should know: an uneven pipeline, missing prices, memory that does not suffice."""
        found = list(self.run.plan.warnings)
        if not self.run.memory.fits:
            found.append(self.run.memory.verdict())
        missing = sorted({*self.bill.missing, *self.per_trillion_tokens.missing})
        if missing:
            found.append(f"no price or power in the catalog, counted as zero: {', '.join(missing)}")
        unused = self.fabric.accelerators - self.run.plan.mapping.ranks
        if unused:
            found.append(
                f"{unused:,} of the cluster's {self.fabric.accelerators:,} accelerators are not used by the job"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """The answer for machines; SI units in key names."""
        run, plan = self.run, self.run.plan
        bound, entry, exposed_s = self.bottleneck
        memory, cost = run.memory, self.per_trillion_tokens
        return {
            "schema": SCHEMA,
            "engine": run.engine.name,
            "step_time_s": self.step_time_s,
            "breakdown_s": self.breakdown_s,
            "tflops_per_gpu": self.tflops_per_gpu,
            "mfu": self.mfu,
            "tokens_per_s": self.tokens_per_s,
            "memory_bytes_per_gpu": memory.total_bytes,
            "memory": {
                "weights_bytes": memory.weights_bytes,
                "gradients_bytes": memory.gradients_bytes,
                "optimizer_bytes": memory.optimizer_bytes,
                "activations_bytes": memory.activations_bytes,
                "capacity_bytes": memory.capacity_bytes,
                "fits": memory.fits,
                "verdict": memory.verdict(),
            },
            "bottleneck": bound,
            "bottleneck_exposed_s": exposed_s,
            "bottleneck_cause": entry,
            "capital_cost_usd": self.bill.capital_cost.as_dict(),
            "network_power_w": self.bill.network_power_w,
            "cost_usd_per_trillion_tokens": cost.cost_usd.as_dict(),
            "energy_J_per_trillion_tokens": cost.energy_J.typical,
            "cluster": {
                "name": self.fabric.name,
                "accelerators": self.fabric.accelerators,
                "accelerator": self.fabric.accelerator,
            },
            "job": {
                "name": plan.job.name,
                "model": plan.transformer.spec.name,
                "parameters": plan.transformer.parameters(plan.job.sequence),
                "tokens_per_step": plan.tokens,
                "micro_batches": plan.micro_batches,
                "stack": plan.stack.id,
                "parallelism": {
                    "tp": plan.mapping.tp,
                    "cp": plan.mapping.cp,
                    "pp": plan.mapping.pp,
                    "dp": plan.mapping.dp,
                    "interleave": plan.job.parallelism.interleave,
                    "zero": plan.job.parallelism.zero,
                },
            },
            "warnings": self.warnings(),
            "provenance": self.provenance(),
            "wall_s": self.wall_s,
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def provenance(self) -> dict[str, Any]:
        """What made this answer: version, a hash of both inputs, seed (nothing is drawn), engine, catalog revision."""
        inputs = self.fabric.plan.cluster.model_dump_json() + self.run.plan.job.model_dump_json()
        return {
            "version": __version__,
            "inputs_sha256": hashlib.sha256(inputs.encode()).hexdigest(),
            "seed": 0,
            "engine": self.run.engine.name,
            "catalog_revision": self.fabric.catalog.revision,
        }

    def slices(self) -> Iterator[Slice]:
        """The timeline: one group a pipeline stage, one track a stream."""
        execution, program = self.run.execution, self.run.execution.program
        for op in range(len(program)):
            start, end = float(execution.start_s[op]), float(execution.end_s[op])
            if end <= start:
                continue
            index = program.communication[op]
            args: dict[str, Any] = {}
            name = program.label[op]
            if index >= 0:
                communication = program.communications[index]
                name = f"{communication.kind} {name}"
                args = {
                    "size_bytes": communication.size_bytes,
                    "ranks": len(communication.ranks),
                    "repeat": communication.repeat,
                    "link_class": self.run.engine.bound(communication),
                }
            track = Stream(program.stream[op]).name.lower()
            yield Slice(f"stage {program.rank[op]}", track, name, start, end - start, args)

    def tables(self) -> dict[str, dict[str, list[Any]]]:
        """Tidy tables with units in column names: operations, communications, breakdown, costs, provenance."""
        run, program = self.run, self.run.execution.program
        communications = program.communications
        lines = self.bill.to_table()
        return {
            "operations": {
                "stage": list(program.rank),
                "stream": [Stream(s).name.lower() for s in program.stream],
                "category": [Category(c).name.lower() for c in program.category],
                "label": list(program.label),
                "start_s": run.execution.start_s.tolist(),
                "end_s": run.execution.end_s.tolist(),
                "communication": list(program.communication),
            },
            "communications": {
                "kind": [c.kind for c in communications],
                "size_bytes": [c.size_bytes for c in communications],
                "ranks": [len(c.ranks) for c in communications],
                "repeat": [c.repeat for c in communications],
                "time_s": [run.engine.alone_s(c) for c in communications],
                "link_class": [run.engine.bound(c) for c in communications],
            },
            "breakdown": {"part": list(self.breakdown_s), "time_s": list(self.breakdown_s.values())},
            "costs": {name: list(values) for name, values in lines.items()},
            "provenance": {name: [str(value)] for name, value in self.provenance().items()},
        }

    def __repr__(self) -> str:
        return (
            f"<Result {self.run.plan.job.name!r} on {self.fabric.name!r}: step {self.step_time_s:.3f} s, "
            f"{self.tflops_per_gpu:.0f} TFLOP/s per GPU, MFU {self.mfu:.1%}>"
        )

    def _repr_html_(self) -> str:
        answer = self.to_dict()
        return card(f"{answer['job']['name']} on {answer['cluster']['name']}", headline(answer))
