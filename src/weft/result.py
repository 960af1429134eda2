"""The answer of a simulation: figures, tables and a timeline, for people and for machines."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from weft import __version__
from weft.economics import BillOfMaterials, bill_of_materials
from weft.economics.running import TokensCost, tokens_cost
from weft.engines.scenario import Scenario
from weft.engines.step import StepRun, run_step
from weft.engines.what_if import WhatIf, what_ifs
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.report.html import card
from weft.report.links import link_tables, links_as_data
from weft.report.packet_runs import packets_as_data
from weft.report.packet_timeline import port_counters
from weft.report.perfetto import Counter, Slice
from weft.report.simulation import headline
from weft.report.timeline import link_counters, step_slices, step_tables

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse
    from weft.engines.packet.outcome import Outcome
    from weft.engines.packet.transport import Transport
    from weft.explain import Explanation
    from weft.explain.changes import Progress

SCHEMA = "weft.simulate/1"


@dataclass(frozen=True)
class Result:
    """What a simulated step says; every figure is also in ``to_dict()`` and ``tables()``.

    Attributes:
        fabric: what the job ran on.
        run: the step.
        wall_s: how long the simulation took.
        scenario: what happened meanwhile.
        routing: how flows found their way, where that was said beside the cluster file.
        transport: how packets were treated, or its name, where that was said.
    """

    fabric: Fabric
    run: StepRun
    wall_s: float
    scenario: Scenario = field(default_factory=Scenario)
    routing: Routing | None = None
    transport: Transport | str | None = None

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

    @property
    def links(self) -> LinkUse | None:
        """How links were used; None unless the run was watched."""
        return self.run.links

    @cached_property
    def packets(self) -> Outcome | None:
        """What became of flows, packets and ports; None unless the packet engine ran the step."""
        return None if self.run.packet is None else self.run.packet.outcome()

    @cached_property
    def held_up(self) -> dict[str, Any]:
        """Which links held the step up, whose flows met there, and what would help: each tried in a run of its own.

        Raises:
            ConfigError: the run was not watched.
        """
        use, fluid = self.links, self.run.fluid
        if use is None or fluid is None:
            raise ConfigError("only a run that was watched can say what held it up: simulate(..., watch=True)")
        from weft.report.bottleneck import find_bottleneck, limiting_class

        routing = self.routing or self.fabric.plan.cluster.routing
        tries = what_ifs(self.fabric, routing, self.scenario, limiting_class(use))
        return find_bottleneck(use, fluid.prepared, time_s=self.step_time_s, alternatives=tries, again=self._again)

    def _again(self, change: WhatIf) -> float:
        """Seconds of the step with one thing changed."""
        job, engine = self.run.plan.job, self.run.engine.name
        return run_step(change.fabric, job, engine=engine, scenario=change.scenario, routing=change.routing).step_s

    def explanation(self, progress: Progress | None = None) -> Explanation:
        """Where each second goes, on which facts that rests, and what would help: each change is a run of its own.

        Args:
            progress: told (changes tried, of how many).
        """
        from weft.explain import explain

        return explain(self.run, self.fabric, scenario=self.scenario, routing=self.routing, progress=progress)

    def warnings(self) -> list[str]:
        """What a reader should know: an uneven pipeline, missing prices, memory that does not suffice."""
        found = list(self.run.plan.warnings)
        if not self.run.memory.fits:
            found.append(self.run.memory.verdict())
        missing = sorted({*self.bill.missing, *self.per_trillion_tokens.missing})
        if missing:
            found.append(f"no price or power in the catalog, counted as zero: {', '.join(missing)}")
        if self.run.fluid is not None and not self.run.fluid.prepared.classes.exact:
            found.append(
                "no two ranks see the same network, and there are too many to run each: all of a pipeline stage run as "
                "one, each communication as slow as its slowest; the step is an upper bound (--no-fold is exact)"
            )
        if self.run.fluid is not None and self.run.fluid.prepared.carrier.reducers.refused:
            found.append(
                f"{self.run.fluid.prepared.carrier.reducers.refused:,} communicators do without in-network reduction: "
                "the switches have no room for more"
            )
        if self.packets is not None:
            found += self.packets.settings.transport.hazards
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
        watched = {} if self.links is None else {"links": links_as_data(self.links)}
        if self.packets is not None:
            watched["packet"] = packets_as_data(self.packets, self.transport)
        return {
            "schema": SCHEMA,
            "engine": run.engine.name,
            "step_time_s": self.step_time_s,
            "breakdown_s": self.breakdown_s,
            "tflops_per_gpu": self.tflops_per_gpu,
            "mfu": self.mfu,
            "tokens_per_s": self.tokens_per_s,
            "memory_bytes_per_gpu": memory.total_bytes,
            "memory": memory.to_dict(),
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
                    "ep": plan.mapping.ep,
                    "etp": plan.mapping.etp,
                    **({} if run.periodic is None else {"outer": plan.mapping.outer}),
                    "interleave": plan.job.parallelism.interleave,
                    "schedule": plan.job.parallelism.schedule,
                    "zero": plan.job.parallelism.zero,
                },
            },
            **watched,
            **({} if run.periodic is None else {"outer": run.periodic.to_dict()}),
            "warnings": self.warnings(),
            "provenance": self.provenance(),
            "wall_s": self.wall_s,
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def provenance(self) -> dict[str, Any]:
        """What made this answer: version, a hash of all inputs, the hash functions' seed, engine, catalog revision."""
        inputs = self.fabric.plan.cluster.model_dump_json() + self.run.plan.job.model_dump_json()
        if self.scenario != Scenario():
            inputs += self.scenario.model_dump_json()
        if self.routing is not None:
            inputs += self.routing.model_dump_json()
        if self.transport is not None:
            inputs += str(self.transport)
        return {
            "version": __version__,
            "inputs_sha256": hashlib.sha256(inputs.encode()).hexdigest(),
            "seed": (self.routing or self.fabric.plan.cluster.routing).seed,
            "engine": self.run.engine.name,
            "catalog_revision": self.fabric.catalog.revision,
        }

    def slices(self) -> Iterator[Slice]:
        """The timeline: one group a pipeline stage, or a class of its ranks that fare alike; one track a stream."""
        return step_slices(self.run)

    def counters(self) -> Iterator[Counter]:
        """How full links were over time: each class of a run that was watched; queues and links of sampled packets."""
        if self.links is not None:
            return link_counters(self.links)
        return iter(()) if self.packets is None else port_counters(self.packets)

    def tables(self) -> dict[str, dict[str, list[Any]]]:
        """Tidy tables with units in column names: operations, communications, costs ...; links if watched."""
        lines = self.bill.to_table()
        return {
            **step_tables(self.run),
            "costs": {name: list(values) for name, values in lines.items()},
            "provenance": {name: [str(value)] for name, value in self.provenance().items()},
            **({} if self.links is None else link_tables(self.links)),
            **({} if self.packets is None else self.packets.tables()),
        }

    def __repr__(self) -> str:
        return (
            f"<Result {self.run.plan.job.name!r} on {self.fabric.name!r}: step {self.step_time_s:.3f} s, "
            f"{self.tflops_per_gpu:.0f} TFLOP/s per GPU, MFU {self.mfu:.1%}>"
        )

    def _repr_html_(self) -> str:
        answer = self.to_dict()
        return card(f"{answer['job']['name']} on {answer['cluster']['name']}", headline(answer))
