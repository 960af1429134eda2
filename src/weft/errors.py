"""What Weft says when something is wrong.

    WeftError
    ├── ConfigError       a file, field or flag is wrong                 exit 2
    │   └── UnknownName   a name nothing answers to; suggests the nearest
    ├── InfeasibleError   the question is well put, the answer is "no"   exit 1
    │   └── DeadlockError links of a simulated network wait for each other for ever
    └── InternalError     our fault                                      exit 3

A message says what was read, where, and what would be right, on one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WeftError(Exception):
    """Any error that Weft raises on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 3


class ConfigError(WeftError):
    """Bad input: names the file, line and field where they are known."""

    exit_code = 2

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, field: str | None = None
    ) -> None:
        self.message, self.file, self.line, self.field = message, file, line, field
        super().__init__(message)

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        parts = [part for part in (place, self.field, self.message) if part]
        return " ".join(": ".join(parts).split("\n"))


class UnknownName(ConfigError):
    """A name was not found among ``known``; the message offers the nearest."""

    def __init__(
        self,
        what: str,
        name: str,
        known: Iterable[str],
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.what, self.name, self.known = what, name, sorted(set(known))
        super().__init__(f"unknown {what} {name!r}{suggestion(name, self.known)}", file=file, line=line, field=field)


class InfeasibleError(WeftError):
    """The input is valid but cannot be built or run (does not fit in memory, nothing reaches)."""

    exit_code = 1


class DeadlockError(InfeasibleError):
    """Links of a lossless network wait for each other in a circle; ``links`` names them, in order."""

    def __init__(self, message: str, links: Iterable[str] = ()) -> None:
        self.links = tuple(links)
        super().__init__(message)


class InternalError(WeftError):
    """Weft broke one of its own rules; please report it."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or a list of a few known names where nothing is near."""
    names = list(known)
    lowered = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {lowered[near[0]]!r}?"
    if len(names) <= 12:
        return f"; known: {', '.join(names)}" if names else ""
    return f"; {len(names)} are known, such as {', '.join(names[:5])}"
