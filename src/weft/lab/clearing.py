"""Takes labs away, whatever state they are in: processes, namespaces with their links and routes, files."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass

from weft.errors import ConfigError
from weft.lab import namespace
from weft.lab import state as states

_PATIENCE_s = 0.3  # between asking processes to end and ending them


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was found and taken away."""

    run: str
    namespaces: int
    processes: int


def clear(run: str, prefix: str) -> Cleared:
    """Take one lab away: its processes, its namespaces, last what is written down of it."""
    names = namespace.listed(prefix)
    ended = _end_processes(names, run)
    for name in names:
        namespace.delete(name)
    states.forget(run)
    return Cleared(run, len(names), ended)


def clean(family: str = states.FAMILY, *, everything: bool = False) -> list[Cleared]:
    """Take away what labs left behind that did not end well, and return what was found. A second time finds nothing.

    Labs that are up, or that a living process is bringing up, stay.

    Args:
        family: of which labs.
        everything: those that are up and well, too.
    """
    # Namespaces first: a lab that begins in between is then written down by the time its file is looked for.
    orphans = {name[: len(family) + 6] for name in namespace.listed(f"{family}-") if _is_lab(name, family)}
    cleared = []
    states.forget_unborn()
    for run in states.runs():
        prefix = f"{family}-{run}-"
        try:
            state = states.read_state(run)
        except ConfigError:  # damaged by another's hand, or just taken down
            if family == states.FAMILY:
                cleared.append(clear(run, prefix))
            continue
        orphans.discard(state.prefix)
        if state.family == family and (everything or state.abandoned):
            cleared.append(clear(run, prefix))
    cleared += [clear(prefix[len(family) + 1 : -1], prefix) for prefix in sorted(orphans)]
    return cleared


def _is_lab(name: str, family: str) -> bool:
    return re.fullmatch(rf"{re.escape(family)}-[0-9a-f]{{4}}-.*", name) is not None


def _end_processes(names: Iterable[str], run: str) -> int:
    """End whoever is in the namespaces or was started by the lab; never ourselves or those who started us."""
    marker = f"WEFT_LAB={run}"
    spared = _ancestors()

    def found() -> list[int]:
        return [pid for pid in namespace.processes(names, marker) if pid not in spared]

    first = found()
    for pid in first:
        _signal(pid, signal.SIGTERM)
    rest, end = first, time.monotonic() + _PATIENCE_s
    while rest and time.monotonic() < end:
        time.sleep(0.01)
        rest = [pid for pid in rest if not _is_dead(pid)]
    for pid in found() if first else ():
        _signal(pid, signal.SIGKILL)
    return len(first)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _is_dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _ancestors() -> set[int]:
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat") as stream:
                pid = int(stream.read().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found
