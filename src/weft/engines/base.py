"""What an engine is: it says when a communication ends, given everything else in flight."""

from __future__ import annotations

from typing import Protocol

from weft.workload.program import Communication


class Engine(Protocol):
    """Times communications on a fabric.

    The executor starts communications as the job's DAG releases them and asks for the next one to end. A closed form
    knows the end at the start; a fluid or packet engine moves its own clock no further than it must to answer.

    Attributes:
        name: as users choose it.
        contends: a communication's time depends on what else is in flight; otherwise it is always ``alone_s``.
    """

    name: str
    contends: bool

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Put a communication in flight at ``now_s``; ``token`` names it."""
        ...

    def peek(self) -> float:
        """When the next communication ends if nothing else starts; infinity when nothing is in flight."""
        ...

    def pop(self) -> tuple[float, int]:
        """Take the next communication off: (end time in seconds, token)."""
        ...

    def alone_s(self, communication: Communication) -> float:
        """Seconds of a communication with nothing else in flight, all repeats together."""
        ...

    def bound(self, communication: Communication) -> str:
        """The link class that limits a communication."""
        ...
