"""The reaction loop as a process of its own, before all else on the machine, so that busy hosts do not hold it up.

``python -m weft.lab.controller RUN``: attaches to a lab, says ``{"ready": …}`` once it looks, then one JSON line a
reaction; ends when its input does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from weft.control import Change, Event, Reacted, Reaction
from weft.errors import InfeasibleError
from weft.lab.heartbeats import HeartbeatSouthbound
from weft.lab.lab import MARKER, Lab, end_helper, wait_until
from weft.lab.plan import LabLink
from weft.lab.slow_links import SlowLinkSouthbound

_READY_WITHIN_S = 30.0
_ROUND_S = 0.05  # between two looks at whether to end
_MENDS = {Change.UP.value: Change.DOWN.value, Change.HEARD.value: Change.SILENT.value}


class Controller:
    """The process, as the one that started it sees it."""

    def __init__(self, lab: Lab, *, heartbeats: bool = True) -> None:
        """Start it and wait until it looks after the lab.

        Args:
            lab: it; made from a cluster file, which the controller reads too.
            heartbeats: whether silent links are noticed.

        Raises:
            InfeasibleError: it did not start.
        """
        self._last: list[dict[str, Any]] | None = None
        command = [sys.executable, "-m", "weft.lab.controller", lab.run, *([] if heartbeats else ["--no-heartbeats"])]
        self._path = Path(lab.folder, "reactions.jsonl")  # a pipe that nobody reads would hold the controller up
        with self._path.open("w") as stream:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=stream, env=dict(os.environ) | {MARKER: lab.run}
            )
        if not wait_until(self._lines, _READY_WITHIN_S) or "ready" not in self._lines()[0]:
            self.close()
            raise InfeasibleError(f"the controller did not start, exit code {self._process.returncode}")
        self.realtime = bool(self._lines()[0]["realtime"])

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let it end."""
        end_helper(self._process, within_s=10)
        self._last = self.log

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it did, a reaction an entry, see `as_data`."""
        return self._last if self._last is not None else self._lines()[1:]

    @property
    def slow(self) -> dict[tuple[str, str], float]:
        """Ports that it found slow and not yet whole again, with what is left of their rate."""
        told = {_end(event): event["share"] for event in self._events() if event["change"] == Change.SLOW.value}
        return {end: share for end, share in told.items() if share < 1}

    def amiss(self, *links: LabLink) -> bool:
        """Return whether it holds an end of some links for down, silent or slow, as far as it has acted on that."""
        ends = {end for link in links for end in ((link.a, link.a_port), (link.b, link.b_port))}
        wrong: set[tuple[tuple[str, str], str]] = set()
        for event in self._events():
            if event["change"] in _MENDS:
                wrong.discard((_end(event), _MENDS[event["change"]]))
            else:
                wrong.add((_end(event), event["change"]))
        return any(end in ends for end, what in wrong if what != Change.SLOW.value) or bool(ends & self.slow.keys())

    def _events(self) -> list[dict[str, Any]]:
        return [event for reaction in self.log for event in reaction["events"]]

    def _lines(self) -> list[dict[str, Any]]:
        text = self._path.read_text() if self._path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def as_data(reacted: Reacted) -> dict[str, Any]:
    """Return what machines read of a reaction."""
    return {
        "events": [_event(event) for event in reacted.events],
        "began_s": reacted.began_s,
        "decided_s": reacted.decided_s,
        "acknowledged_s": reacted.acknowledged_s,
        "groups_replaced": reacted.replaced,
        "groups_kept": reacted.kept,
        "groups_failed": [ack.error for ack in reacted.failed],
        "links_doubted": reacted.doubted,
    }


def _end(event: dict[str, Any]) -> tuple[str, str]:
    return event["device"], event["port"]


def _event(event: Event) -> dict[str, Any]:
    found = {"time_s": event.time_s, "device": event.device, "port": event.port, "change": event.change.value}
    return found | ({"share": event.share} if event.change is Change.SLOW else {})


def main(run: str, *, heartbeats: bool) -> None:
    """Look after a lab until standard input ends."""
    lab = Lab.attach(run)
    southbound = lab.backend.southbound(lab)
    if southbound is None:
        raise InfeasibleError(f"the {lab.backend.name} backend steers itself")
    with contextlib.ExitStack() as stack:
        stack.callback(lab.close)
        if hasattr(southbound, "close"):
            stack.callback(southbound.close)
        if heartbeats:
            southbound = HeartbeatSouthbound(lab, southbound)
            stack.callback(southbound.close)
        southbound = SlowLinkSouthbound(lab, southbound)
        stack.callback(southbound.close)
        reaction = Reaction(lab.underlay, southbound)
        gc.collect()
        gc.freeze()  # what is there stays; a full collection in the middle of a reaction would cost milliseconds
        realtime = _hurry()
        print(json.dumps({"ready": time.monotonic(), "realtime": realtime}), flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            reacted = reaction.step(_ROUND_S)
            if reacted is not None:
                print(json.dumps(as_data(reacted)), flush=True)


def _hurry() -> bool:
    """Go before all ordinary processes; whether that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], heartbeats="--no-heartbeats" not in sys.argv[2:])
