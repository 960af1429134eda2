"""A step as a timeline and as tables: what every representative rank did, and how full links were meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weft.report.perfetto import Counter, Slice
from weft.workload.program import Category, Stream

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse
    from weft.engines.step import StepRun


def step_slices(run: StepRun) -> Iterator[Slice]:
    """Yield one slice an operation that takes time."""
    execution, program = run.execution, run.execution.program
    classes = _classes(run)
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
                "link_class": run.engine.bound(communication),
            }
        stage, which = divmod(program.rank[op], classes)
        group = f"stage {stage}" if classes == 1 else f"stage {stage}, ranks of class {which}"
        yield Slice(group, Stream(program.stream[op]).name.lower(), name, start, end - start, args)


def _classes(run: StepRun) -> int:
    """How many classes of ranks a stage has in the program."""
    return max(1, len(run.execution.program.ranks) // run.plan.mapping.pp)


def step_tables(run: StepRun) -> dict[str, dict[str, list[Any]]]:
    """Return the tables operations, communications and breakdown, with units in column names."""
    program, communications, classes = run.execution.program, run.execution.program.communications, _classes(run)
    return {
        "operations": {
            "stage": [rank // classes for rank in program.rank],
            "rank_class": [rank % classes for rank in program.rank],
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
        "breakdown": {"part": list(run.breakdown_s), "time_s": list(run.breakdown_s.values())},
    }


def link_counters(use: LinkUse) -> Iterator[Counter]:
    """Yield the mean utilisation of each class of links wherever it changes."""
    for name, row in zip(use.kinds, use.over_time.tolist(), strict=True):
        before = -1.0
        for number, value in enumerate(row):
            if value != before:
                yield Counter("links", name, number * use.bin_s, value)
            before = value
        yield Counter("links", name, use.span_s, 0.0)
