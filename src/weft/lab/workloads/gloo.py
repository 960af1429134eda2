"""A PyTorch job over gloo: one process a rank in its host's namespace, kept up for as many collectives as are wanted.

To start eight Pythons that import PyTorch takes two cores a quarter of a minute, so one does, and forks into ranks.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from weft.collectives import canonical
from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import MARKER, Lab, end_helper
from weft.lab.workloads.ranks import Rank
from weft.lab.workloads.steps import Steps

KINDS = ("all_reduce", "all_gather", "all_to_all")
_STARTED_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A training run.

    Attributes:
        steps: of the gradients' all-reduce with the computation around it.
        losses: mean over ranks, by step.
        bit_equal: whether all ranks ended with the same parameters, bit by bit.
    """

    steps: Steps
    losses: tuple[float, ...]
    bit_equal: bool


class GlooJob:
    """Ranks that wait for work."""

    def __init__(self, lab: Lab, ranks: Sequence[Rank], *, timeout_s: float = 30.0) -> None:
        """Start them and wait until all have found each other.

        Args:
            lab: where.
            ranks: who.
            timeout_s: after how long without progress a collective fails.

        Raises:
            ConfigError: PyTorch is not installed.
            InfeasibleError: they did not find each other.
        """
        _check_torch()
        self.ranks, self._busy = list(ranks), ("", 0.0)
        spec = {
            "namespaces": [lab.namespace(rank.host) for rank in ranks],
            "ports": [rank.port for rank in ranks],
            "master": ranks[0].address,
            "timeout_s": timeout_s,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "weft.lab.workloads.gloo_ranks", json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ) | {MARKER: lab.run, "OMP_NUM_THREADS": "1"},
            text=True,
            bufsize=1,
        )
        try:
            started = self._answer(_STARTED_WITHIN_S)
        except BaseException:
            self.close()
            raise
        if "error" in started:
            self.close()
            raise InfeasibleError(f"the ranks did not find each other: {started['error']}")
        self.start_s = float(started["start_s"])

    def __enter__(self) -> GlooJob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all ranks."""
        end_helper(self._process, within_s=2)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def begin(self, kind: str, size_bytes: float, iterations: int) -> None:
        """Start a collective, or ``training``, which goes on until `finish`.

        Raises:
            ConfigError: no such kind, or too little to send.
        """
        kind = kind if kind == "training" else check_kind(kind)
        check_size(size_bytes, len(self.ranks))
        self._busy = kind, float(size_bytes)
        self._say({"kind": kind, "size_bytes": int(size_bytes), "iterations": iterations})

    def finish(self, timeout_s: float = 600.0) -> Steps:
        """Wait for what was begun.

        Raises:
            InfeasibleError: it took longer, or the ranks are gone.
        """
        return self._steps(self._answer(timeout_s))

    def run(self, kind: str, size_bytes: float, iterations: int) -> Steps:
        """Do a collective so many times; `begin` and `finish`."""
        self.begin(kind, size_bytes, iterations)
        return self.finish()

    def train(self, size_bytes: float, iterations: int) -> Trained:
        """Train a small model whose gradients have about so many bytes."""
        self.begin("training", size_bytes, iterations)
        return self.trained()

    def trained(self, timeout_s: float = 600.0) -> Trained:
        """Wait for a training run that was begun."""
        answer = self._answer(timeout_s)
        return Trained(self._steps(answer), tuple(answer.get("losses", ())), bool(answer.get("bit_equal")))

    def _steps(self, answer: dict[str, Any]) -> Steps:
        kind, size = self._busy
        return Steps(
            "all_reduce" if kind == "training" else kind,
            float(answer.get("size_bytes", size)),
            len(self.ranks),
            tuple(answer.get("ends_s", ())),
            str(answer.get("error", "")),
            int(answer.get("failed_ranks", 0)),
        )

    def _say(self, command: dict[str, Any]) -> None:
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
        except (OSError, ValueError):
            raise InfeasibleError("the ranks are gone") from None

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        stream = self._process.stdout
        if stream is None:
            raise InfeasibleError("the ranks are gone")
        end_s = time.monotonic() + timeout_s
        while not select.select([stream], [], [], max(0.0, end_s - time.monotonic()))[0]:
            if time.monotonic() >= end_s:
                raise InfeasibleError(f"the ranks gave no answer within {timeout_s:g} s")
        line = stream.readline()
        if not line:
            raise InfeasibleError(f"the ranks are gone, exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def check_kind(kind: str) -> str:
    """Return a collective's own name.

    Raises:
        ConfigError: there is none of that name, or gloo ranks do not do it.
    """
    kind = canonical(kind)
    if kind not in KINDS:
        raise ConfigError(f"ranks of a lab do {', '.join(KINDS)}, not {kind}")
    return kind


def check_size(size_bytes: float, ranks: int) -> None:
    """Check that every rank has a part of a step.

    Raises:
        ConfigError: it has not.
    """
    if size_bytes < 4 * ranks:
        raise ConfigError(f"a step of {ranks} ranks has {4 * ranks} bytes at least, not {size_bytes:g}", field="--size")


def _check_torch() -> None:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise ConfigError("collectives in the lab need PyTorch: pip install 'weft[lab]'")
