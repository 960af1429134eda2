"""A job and those that a scenario puts beside it, on one network: who sends from where, and one program of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from weft.collectives import Library
from weft.engines.analytic import AnalyticEngine
from weft.engines.executor import Execution, execute
from weft.engines.expand import repeated
from weft.engines.fluid.parties import party_of
from weft.engines.plans import plan_on
from weft.engines.scenario import OtherJob, Scenario
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.files import read_model
from weft.workload.program import Communication, Program
from weft.workload.spec import Job
from weft.workload.training import Plan, step_program


class Expanding(Protocol):
    """A network on which jobs are prepared."""

    def expanded(self, program: Program, party: int = 0) -> Program:
        """A party's program, written out for those who take part."""


@dataclass(frozen=True)
class Beside:
    """A job that runs beside the one that is asked about, for so many steps."""

    job: OtherJob
    plan: Plan
    steps: int


class SideBySide:
    """The jobs of one network, the one that is asked about first.

    Attributes:
        plan: of the first job.
        program: of one step of it.
        parties: who sends from where, a job each.
    """

    def __init__(
        self,
        fabric: Fabric,
        resolved: Plan,
        others: Sequence[Beside],
        scenario: Scenario,
        *,
        also: Sequence[Communication] = (),
    ) -> None:
        """Place the jobs.

        Args:
            fabric: the network.
            resolved: the first job.
            others: those beside it.
            scenario: where the first begins, and which hosts are slow.
            also: communications that the first does at other times than those of its program.

        Raises:
            ConfigError: a job does not fit where it is put, or a slow host is not there.
        """
        self.plan, self.program = resolved, step_program(resolved)
        self.parties = [
            party_of(fabric, resolved.mapping, self.program, first=scenario.first, slow=scenario.slow, also=also)
        ]
        self._others: list[Program] = []
        for other in others:
            one = step_program(other.plan)
            self._others.append(repeated(one, other.steps))
            self.parties.append(
                party_of(
                    fabric,
                    other.plan.mapping,
                    one,
                    first=other.job.first,
                    base=sum(party.columns for party in self.parties),
                    slow=scenario.slow,
                    level=other.job.priority,
                    weight=other.job.weight,
                )
            )

    def expanded(self, network: Expanding, micro_batches: int, steps: int) -> list[Program]:
        """Return the programs of all jobs, written out; the first does ``steps`` steps of so many micro-batches."""
        program = self.program
        if micro_batches != self.plan.micro_batches:
            program = step_program(replace(self.plan, micro_batches=micro_batches))
        if steps > 1:
            program = repeated(program, steps)
        others = (network.expanded(each, 1 + number) for number, each in enumerate(self._others))
        return [network.expanded(program), *others]


def of_first(programs: Sequence[Program], done: Execution) -> Execution:
    """Return what the first of merged programs did."""
    own = programs[0]
    return done if len(programs) == 1 else Execution(own, done.start_s[: len(own)], done.end_s[: len(own)])


def beside(fabric: Fabric, library: Library, resolved: Plan, scenario: Scenario) -> list[Beside]:
    """Return the jobs that a scenario puts beside another.

    Each does as many steps as fit into one of ours by the closed form, and one more to be still at it when ours ends
    late.

    Raises:
        ConfigError: a job's file is wrong, or it does not fit where it is put.
    """
    others = []
    own_s = _alone_s(fabric, library, resolved) if scenario.jobs else 0.0
    for number, job in enumerate(scenario.jobs):
        spec = read_model(scenario.folder / job.job, Job)
        if spec.accelerators is None:
            raise ConfigError(
                f"{job.job} beside another job has to say how many accelerators it uses", field=f"jobs[{number}].job"
            )
        plan = plan_on(fabric, spec)
        others.append(Beside(job, plan, 1 + math.ceil(own_s / _alone_s(fabric, library, plan))))
    _check_apart(scenario, resolved, others)
    return others


def _alone_s(fabric: Fabric, library: Library, resolved: Plan) -> float:
    """Seconds of a step by the closed form."""
    engine = AnalyticEngine(fabric, library)
    return execute(step_program(resolved), engine, slowdown=resolved.overlap_slowdown).span_s


def _check_apart(scenario: Scenario, resolved: Plan, others: Sequence[Beside]) -> None:
    """Refuse jobs that share accelerators."""
    taken = [(scenario.first, resolved.mapping.ranks, "the job")]
    for number, other in enumerate(others):
        first, ranks = other.job.first, other.plan.mapping.ranks
        for start, count, name in taken:
            if first < start + count and start < first + ranks:
                raise ConfigError(
                    f"{other.job.job} would use accelerators {first} to {first + ranks - 1}, of which {name} already "
                    f"has some ({start} to {start + count - 1})",
                    field=f"jobs[{number}].first",
                )
        taken.append((first, ranks, other.job.job))
