"""Connection matrices (``.cm``) of the UEC reference simulator: who sends how much to whom, and when.

Header lines ``Nodes N``, ``Connections C`` and, where there are any, ``Triggers T`` and ``Failures F``; then lines of
flows, triggers and failures in any order::

    0->5 id 1 start 0 size 2000000 send_done_trigger 1
    5->7 id 2 trigger 1 size 4096
    trigger id 1 oneshot
    failure switch_type AGG switch_id 0 link_id 3
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from weft.engines.packet.flows import Flows, Trigger
from weft.engines.packet.htsim_text import Line, read_lines
from weft.errors import ConfigError

KINDS = ("oneshot", "multishot", "barrier")
_LATEST_s = 4e6  # start of a flow
TIER = {"TOR": 0, "AGG": 1, "CORE": 2}


@dataclass(frozen=True, slots=True)
class Failure:
    """A link that is down from the start: so many-th uplink of a switch of a tier; and the line that says so."""

    tier: int
    switch: int
    link: int
    line: int | None = None


@dataclass(frozen=True)
class Matrix:
    """What a file says.

    Attributes:
        nodes: hosts.
        flows: what is sent; messages of one connection that begin together are one flow.
        failures: links that are down.
    """

    nodes: int
    flows: Flows
    failures: tuple[Failure, ...] = ()


@dataclass
class _Flow:
    line: Line
    src: int
    dst: int
    id: int = 0
    start: float | None = None
    trigger: int = 0
    size: int = 0
    done: list[int] = field(default_factory=list)
    priority: int = 0
    message: bool = False


def read_matrix(path: str | os.PathLike[str], *, start_unit_s: float = 1e-6) -> Matrix:
    """Read a connection matrix.

    Args:
        path: of the file.
        start_unit_s: what ``start`` counts: htsim_uec reads microseconds, older programs (htsim_ndp, htsim_roce)
            picoseconds.

    Raises:
        ConfigError: the file is malformed; names the line and the word.
    """
    header: dict[str, int] = {}
    flows: list[_Flow] = []
    triggers: dict[int, tuple[Line, str, int]] = {}
    failures: list[Failure] = []
    last: Line | None = None
    for line in read_lines(path):
        last, word = line, line.words[0]
        if word in ("Nodes", "Connections", "Triggers", "Failures"):
            if word in header:
                raise line.error(f"{word} stands twice")
            header[word] = line.whole(1, word, 0 if word != "Nodes" else 2, 1 << 24)
        elif "->" in word:
            flows.append(_flow(line, header, start_unit_s))
        elif word == "trigger":
            _trigger(line, triggers)
        elif word == "failure":
            failures.append(_failure(line))
        else:
            known = "Nodes, Connections, Triggers, Failures, SRC->DST, trigger or failure"
            raise line.error(f"a line begins with {known}, read {word[:40]!r}")
    if last is None:
        raise ConfigError("is empty; a connection matrix begins with Nodes N", file=str(path))
    if "Nodes" not in header:
        raise ConfigError("has no Nodes N, how many hosts there are", file=str(path), field="Nodes")
    found = {"Connections": len(flows), "Triggers": len(triggers), "Failures": len(failures)}
    for word, count in found.items():
        if header.get(word, 0) != count:
            where = f"says {word} {header.get(word, 0)}, and has {count} of them"
            raise ConfigError(where, file=str(path), field=word)
    return Matrix(header["Nodes"], _flows(flows, triggers), tuple(failures))


def _flow(line: Line, header: dict[str, int], unit_s: float) -> _Flow:
    if "Nodes" not in header:
        raise line.error("Nodes N stands before the first flow")
    ends = line.words[0].split("->")
    if len(ends) != 2:
        raise line.error(f"a flow goes from SRC->DST, read {line.words[0][:40]!r}")
    pair = Line(line.file, line.number, (ends[0], ends[1]))
    most = header["Nodes"] - 1
    flow = _Flow(line, pair.whole(0, "SRC", 0, most), pair.whole(1, "DST", 0, most))
    if flow.src == flow.dst:
        raise line.error(f"host {flow.src} sends to itself")
    place, words = 1, line.words
    while place < len(words):
        word = words[place]
        if word == "id":
            flow.id = line.whole(place + 1, word, 1)
        elif word == "start":
            flow.start = line.decimal(place + 1, word, _LATEST_s / unit_s) * unit_s
        elif word == "trigger":
            flow.trigger = line.whole(place + 1, word, 1)
        elif word == "size":
            flow.size = line.whole(place + 1, word, 1)
        elif word in ("send_done_trigger", "recv_done_trigger"):
            flow.done.append(line.whole(place + 1, word, 1))
        elif word == "prio":
            flow.priority = line.whole(place + 1, word)
        elif word == "msg":
            flow.message = True
            if place + 1 >= len(words) or not words[place + 1].isdigit():
                place -= 1  # the number of the message may be left out
        else:
            known = "id, start, trigger, size, send_done_trigger, recv_done_trigger, prio or msg"
            raise line.error(f"{known} belongs here, read {word[:40]!r}")
        place += 2
    if flow.size == 0:
        raise line.error("size BYTES is missing", "size")
    if (flow.start is None) == (flow.trigger == 0):
        raise line.error("a flow has one of start T and trigger G")
    return flow


def _trigger(line: Line, triggers: dict[int, tuple[Line, str, int]]) -> None:
    words = line.words
    rest = words[4:]
    if len(words) < 4 or words[1] != "id" or words[3] not in KINDS or (rest and (rest[0] != "count" or len(rest) > 2)):
        raise line.error(f"reads trigger id G {'|'.join(KINDS)} [count N]")
    number = line.whole(2, "id", 1)
    if number in triggers:
        raise line.error(f"trigger {number} stands twice", "id")
    count = line.whole(5, "count", 1) if rest else 1
    triggers[number] = line, words[3], count


def _failure(line: Line) -> Failure:
    words = line.words
    if len(words) != 7 or (words[1], words[3], words[5]) != ("switch_type", "switch_id", "link_id"):
        raise line.error("reads failure switch_type TOR|AGG|CORE switch_id S link_id L")
    if words[2] not in TIER:
        raise line.error(f"TOR, AGG or CORE, read {words[2][:40]!r}", "switch_type")
    return Failure(TIER[words[2]], line.whole(4, "switch_id"), line.whole(6, "link_id"), line.number)


def _flows(read: list[_Flow], triggers: dict[int, tuple[Line, str, int]]) -> Flows:
    """Number triggers, join messages of a connection, and say which flow's end counts for which trigger."""
    joined: list[_Flow] = []
    by_id: dict[int, _Flow] = {}
    for flow in read:
        before = by_id.get(flow.id) if flow.id else None
        if before is None:
            joined.append(flow)
            if flow.id:
                by_id[flow.id] = flow
        elif not (flow.message and before.message):
            raise flow.line.error(f"id {flow.id} stands twice; messages of one connection say msg", "id")
        elif (flow.src, flow.dst, flow.start, flow.trigger) == (before.src, before.dst, before.start, before.trigger):
            before.size += flow.size
            before.done += flow.done
        else:
            flow.id = 0  # a message of its own on the same connection
            joined.append(flow)
    numbers = {number: row for row, number in enumerate(triggers)}
    started: list[list[int]] = [[] for _ in triggers]
    fires: list[tuple[int, int]] = []
    for row, flow in enumerate(joined):
        for number in [flow.trigger] * (flow.trigger > 0) + flow.done:
            if number not in numbers:
                raise flow.line.error(f"there is no trigger {number}", "trigger")
        if flow.trigger:
            started[numbers[flow.trigger]].append(row)
        fires += [(row, numbers[number]) for number in flow.done]
    made = [
        Trigger(tuple(rows), count if kind == "barrier" else 1, kind == "multishot")
        for rows, (_, kind, count) in zip(started, triggers.values(), strict=True)
    ]
    return Flows(
        src=np.array([flow.src for flow in joined], np.int64),
        dst=np.array([flow.dst for flow in joined], np.int64),
        size_bytes=np.array([flow.size for flow in joined], np.int64),
        start_s=np.array([flow.start or 0.0 for flow in joined], np.float64),
        triggers=made,
        fires=fires,
        names=[f"{flow.src}->{flow.dst}" + (f" id {flow.id}" if flow.id else "") for flow in joined],
    )
