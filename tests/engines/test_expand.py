"""Programs written out for classes of ranks, and several programs side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fixed_engine import FixedEngine

from weft.engines.executor import breakdown, execute
from weft.engines.expand import Taking, expand, merge
from weft.workload.program import Category, Communication, Program, Stream

SUM = Communication("all_reduce", 2.0, range(4))
SEND = Communication("send_recv", 1.0, (0, 4))


def step() -> Program:
    """Two stages: work, hand over, work, sum."""
    program = Program(ranks=[0, 4])
    first = program.compute(0, 3.0, "work")
    sent = program.communicate(0, Stream.PP, Category.PP, SEND, "send", [first])
    second = program.compute(1, 3.0, "work", [sent])
    for rank, before in ((0, first), (1, second)):
        members = replace(SUM, ranks=range(4 * rank, 4 * rank + 4))
        program.communicate(rank, Stream.COMPUTE, Category.DP, members, "sum", [before])
    return program


def together(classes: int) -> dict[Communication, Taking]:
    """All classes meet in every sum, and send each for itself."""
    found = {}
    for communication in step().communications:
        if communication.kind == "send_recv":
            own = [replace(communication, ranks=(k, 4 + k)) for k in range(classes)]
            found[communication] = Taking(own, np.arange(classes))
        else:
            found[communication] = Taking([communication], np.zeros(classes, int))
    return found


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_classes_that_behave_alike_take_as_long_as_one(classes: int) -> None:
    whole = execute(expand(step(), together(classes), np.ones((2, classes))), FixedEngine(1.0))
    alone = execute(step(), FixedEngine(1.0))
    assert whole.end_s.reshape(-1, classes).T.tolist() == [alone.end_s.tolist()] * classes
    assert breakdown(whole) == breakdown(alone)


def test_one_class_keeps_its_program_and_gets_its_communications() -> None:
    named = replace(SEND, ranks=(2, 6))
    taking = together(1) | {SEND: Taking([named], np.zeros(1, int))}
    program = expand(step(), taking)
    assert named in program.communications and SEND not in program.communications
    assert program.rank == step().rank and not program.joint


def test_a_slow_class_holds_up_those_it_meets_and_nobody_else() -> None:
    """Class 1 works twice as long on the second stage: its sum there begins at 3 + 1 + 6 s and lasts 2."""
    slowness = np.array([[1.0, 1.0], [1.0, 2.0]])
    ran = execute(expand(step(), together(2), slowness), FixedEngine(1.0))
    ends = ran.end_s.reshape(-1, 2)
    assert ends[2].tolist() == [7.0, 10.0]
    assert ends[3].tolist() == [5.0, 5.0]
    assert ends[4].tolist() == [12.0, 12.0]
    assert ran.start_s.reshape(-1, 2)[4].tolist() == [7.0, 10.0]
    assert sum(breakdown(ran).values()) == pytest.approx(ran.span_s)


def test_an_engine_is_asked_once_for_what_classes_do_together() -> None:
    engine = FixedEngine(1.0)
    execute(expand(step(), together(3), np.ones((2, 3))), engine)
    kinds = [communication.kind for _, communication in engine.started]
    assert kinds.count("all_reduce") == 2 and kinds.count("send_recv") == 3


def test_programs_side_by_side_run_as_if_alone_where_the_engine_does_not_mind() -> None:
    slow = np.array([[1.0, 1.0], [1.0, 2.0]])
    parts = [step(), expand(step(), together(2), slow), step()]
    whole = execute(merge(parts), FixedEngine(1.0))
    base = 0
    for part in parts:
        assert whole.end_s[base : base + len(part)].tolist() == execute(part, FixedEngine(1.0)).end_s.tolist()
        base += len(part)
