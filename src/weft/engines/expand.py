"""A program of one rank a stage, written out for every class of a stage's ranks that the network treats differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from weft.workload.program import Communication, Program


@dataclass(frozen=True)
class Taking:
    """How the classes of a stage's ranks take part in one communication.

    Attributes:
        communications: one for each kind of group.
        kind: int64[classes], which of them each class is in.
    """

    communications: Sequence[Communication]
    kind: NDArray[np.int64]


def expand(
    program: Program, taking: Mapping[Communication, Taking], slowness: NDArray[np.float64] | None = None
) -> Program:
    """Return a program in which every rank of ``program`` stands once for each class of its stage's ranks.

    Operation i of class k of K is number ``i * K + k`` and waits for operations of its own class. Classes that meet in
    a communication do it jointly.

    Args:
        program: one representative rank a stage.
        taking: for each of its communications.
        slowness: float64[ranks, classes], how many times as long compute takes on them.
    """
    parts = [taking[communication] for communication in program.communications]
    communications = [communication for part in parts for communication in part.communications]
    classes = len(slowness[0]) if slowness is not None else len(parts[0].kind) if parts else 1
    if classes == 1 and slowness is None:
        return replace(program, communications=communications)
    starts = np.cumsum([0, *(len(part.communications) for part in parts)]).tolist()
    numbers = [(start + part.kind).tolist() for start, part in zip(starts, parts, strict=False)]
    # Which class of its group speaks for all, by communication and class.
    speakers = [[int(np.argmax(part.kind == kind)) for kind in part.kind] for part in parts]
    each = range(classes)
    seconds = np.repeat(program.seconds, classes).reshape(-1, classes)
    if slowness is not None:
        seconds = seconds * slowness[np.array(program.rank, int)]
    found = Program(
        ranks=[rank for rank in program.ranks for _ in each],
        rank=[rank * classes + k for rank in program.rank for k in each],
        stream=[stream for stream in program.stream for _ in each],
        category=[category for category in program.category for _ in each],
        seconds=seconds.ravel().tolist(),
        communication=[numbers[c][k] if c >= 0 else -1 for c in program.communication for k in each],
        label=[label for label in program.label for _ in each],
        dependencies=[tuple([d * classes + k for d in before]) for before in program.dependencies for k in each],
        communications=communications,
    )
    if classes > 1:
        found.joint = [
            op * classes + (speakers[c][k] if c >= 0 else k) for op, c in enumerate(program.communication) for k in each
        ]
    return found


def merge(programs: Sequence[Program]) -> Program:
    """Return the programs side by side as one; the operations and ranks of the first keep their numbers."""
    if len(programs) == 1:
        return programs[0]
    whole = Program(ranks=[])
    for program in programs:
        ranks, ops, communications = len(whole.ranks), len(whole), len(whole.communications)
        whole.joint += [ops + first for first in program.joint or range(len(program))]
        whole.ranks += program.ranks
        whole.rank += [ranks + rank for rank in program.rank]
        whole.stream += program.stream
        whole.category += program.category
        whole.seconds += program.seconds
        whole.communication += [communications + c if c >= 0 else -1 for c in program.communication]
        whole.label += program.label
        whole.dependencies += [tuple([ops + d for d in before]) for before in program.dependencies]
        whole.communications += program.communications
    return whole


def repeated(program: Program, times: int) -> Program:
    """Return a step done several times, each one once the rank's last operation of the one before has ended."""
    last = {rank: op for op, rank in enumerate(program.rank)}
    whole = Program(program.ranks, communications=program.communications)
    for turn in range(times):
        base = len(whole)
        whole.rank += program.rank
        whole.stream += program.stream
        whole.category += program.category
        whole.seconds += program.seconds
        whole.communication += program.communication
        whole.label += program.label
        whole.dependencies += [
            tuple([base + d for d in before]) if before or not turn else (base - len(program) + last[rank],)
            for before, rank in zip(program.dependencies, program.rank, strict=True)
        ]
    return whole
