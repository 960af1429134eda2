"""What an engine is: it says when a communication ends, given everything else in flight."""

from __future__ import annotations

import math
from typing import Protocol

from weft.workload.program import Communication


class Engine(Protocol):
    """Times communications on a fabric.

    The executor starts communications as the job's DAG releases them and lets the engine take its next step: a closed
    form knows the end at the start, so that its steps are ends; a fluid or packet engine has steps of its own between.

    Attributes:
        name: as users choose it.
        contends: a communication's time depends on what else is in flight; otherwise it is always ``alone_s``.
    """

    name: str
    contends: bool

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Put a communication in flight at ``now_s``; ``token`` names it."""
        ...

    def peek(self, limit_s: float = math.inf) -> float:
        """When the engine next has something to do if nothing else starts; infinity when that is never.

        Args:
            limit_s: nothing else starts before then. An engine that can only find out by going on goes on so far, and
                says infinity where nothing ends by then; others need not care.
        """
        ...

    def pop(self) -> tuple[float, int]:
        """Do it: (its time in seconds, the token of the communication that has ended; -1 where none has)."""
        ...

    def alone_s(self, communication: Communication) -> float:
        """Seconds of a communication with nothing else in flight, all repeats together."""
        ...

    def bound(self, communication: Communication) -> str:
        """The link class that limits a communication."""
        ...

    def stuck(self) -> str:
        """What is in flight and will never end, and why; empty where there is nothing of the kind."""
        ...
