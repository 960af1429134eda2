"""Timelines for ui.perfetto.dev and chrome://tracing: the Chrome JSON trace format.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (complete "X", counter "C" and
metadata "M" events; times in microseconds).
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from weft.files.writing import write_atomically


class Slice(NamedTuple):
    """Something that ran from ``start_s`` for ``duration_s`` on a track (a stream) of a group (a rank)."""

    group: str
    track: str
    name: str
    start_s: float
    duration_s: float
    args: Mapping[str, Any] = {}


class Counter(NamedTuple):
    """A value that holds from ``time_s`` until the next one of the same name in the group."""

    group: str
    name: str
    time_s: float
    value: float


def write_trace(
    path: str | os.PathLike[str],
    slices: Iterable[Any],
    counters: Iterable[Any] = (),
    *,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a timeline; a path that ends in ``.gz`` is compressed (the viewers read both).

    Args:
        path: where to.
        slices: `Slice` or tuples in its order.
        counters: `Counter` or tuples in its order.
        about: what to keep with the trace: versions, inputs, engine.

    Raises:
        ConfigError: the file cannot be written.
    """
    text = json.dumps(trace(slices, counters, about=about), separators=(",", ":"), allow_nan=False)
    zipped = os.fspath(path).endswith(".gz")
    write_atomically(path, gzip.compress(text.encode(), mtime=0) if zipped else text)


def trace(
    slices: Iterable[Any], counters: Iterable[Any] = (), *, about: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the trace as the object that `write_trace` writes."""
    events: list[dict[str, Any]] = []
    groups: dict[str, int] = {}
    tracks: dict[tuple[str, str], int] = {}

    def group_id(name: str) -> int:
        if name not in groups:
            groups[name] = len(groups) + 1
            events.append(_metadata("process_name", name, groups[name]))
        return groups[name]

    lanes: dict[tuple[str, str], list[list[float]]] = {}
    for item in sorted((Slice(*one) for one in slices), key=lambda s: (s.start_s, -s.duration_s)):
        pid = group_id(item.group)
        lane = _lane(lanes.setdefault((item.group, item.track), []), item.start_s, item.start_s + item.duration_s)
        key = (item.group, item.track if lane == 0 else f"{item.track} ({lane + 1})")
        if key not in tracks:
            tracks[key] = len(tracks) + 1
            events.append(_metadata("thread_name", key[1], pid, tracks[key]))
        event = {
            "ph": "X",
            "name": item.name,
            "pid": pid,
            "tid": tracks[key],
            "ts": item.start_s * 1e6,
            "dur": item.duration_s * 1e6,
        }
        if item.args:
            event["args"] = dict(item.args)
        events.append(event)
    for one in counters:
        count = Counter(*one)
        pid = group_id(count.group)
        events.append(
            {"ph": "C", "name": count.name, "pid": pid, "ts": count.time_s * 1e6, "args": {"value": count.value}}
        )
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": dict(about or {})}


def _metadata(kind: str, name: str, pid: int, tid: int = 0) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def _lane(lanes: list[list[float]], start: float, end: float) -> int:
    """Return the first lane where the slice follows or nests in what is open; the viewers draw no other overlap."""
    for index, ends in enumerate(lanes):
        while ends and ends[-1] <= start:
            ends.pop()
        if not ends or end <= ends[-1]:
            ends.append(end)
            return index
    lanes.append([end])
    return len(lanes) - 1
