"""What is written down of a lab before anything of it is made, so that any command can find, use or clear it later."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weft.errors import ConfigError, InfeasibleError
from weft.files import write_atomically
from weft.lab.plan import LabPlan

FOLDER = Path("/run/weft/lab")
FAMILY = "weft"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its number alone would be given to another one day, so the time it began goes with it."""

    pid: int
    began: int

    @classmethod
    def this(cls) -> Owner:
        """The process that asks."""
        return cls(os.getpid(), _began(os.getpid()))

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.began > 0 and _began(self.pid) == self.began


@dataclass(frozen=True, slots=True)
class State:
    """A lab as written down.

    Attributes:
        run: four hexadecimal digits that no other lab of this machine has now.
        family: what its namespaces' names begin with; ``weft`` but for tests.
        phase: ``starting``, ``up`` or ``stopping``.
        owner: the process it ends with; None once it stands by itself.
        backend: what forwards.
        began_s: seconds since 1970.
        plan: as `LabPlan.to_dict` has it.
    """

    run: str
    family: str
    phase: str
    owner: Owner | None
    backend: str
    began_s: float
    plan: dict[str, Any]

    @property
    def prefix(self) -> str:
        """What the names of its namespaces begin with."""
        return f"{self.family}-{self.run}-"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return FOLDER / self.run

    @property
    def abandoned(self) -> bool:
        """Whether the process it would have ended with is gone."""
        return self.owner is not None and not self.owner.alive()

    def save(self) -> None:
        """Write it: whole, or the old one stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / "state.json", json.dumps(asdict(self)))


def new_state(plan: LabPlan, backend: str, family: str) -> State:
    """Write down a lab that is about to be made, under a run that no other lab has.

    Raises:
        InfeasibleError: the folder for it cannot be made.
    """
    aside = FOLDER / f".{os.getpid()}-{secrets.token_hex(4)}"
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise InfeasibleError(f"{aside} cannot be made: {error.strerror}; a lab needs root") from None
    try:
        while True:
            run = secrets.token_hex(2)
            state = State(run, family, "starting", Owner.this(), backend, time.time(), plan.to_dict())
            (aside / "state.json").write_text(json.dumps(asdict(state)))
            with contextlib.suppress(OSError):  # another lab has that name
                aside.rename(state.folder)
                return state
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def read_state(run: str) -> State:
    """Return a lab that was written down.

    Raises:
        ConfigError: there is none of this name, or its file is damaged.
    """
    path = FOLDER / run / "state.json"
    try:
        plain = json.loads(path.read_text())
        owner = plain["owner"]
        return State(**plain | {"owner": Owner(**owner) if owner else None})
    except FileNotFoundError:
        known = ", ".join(runs()) or "none is up"
        raise ConfigError(f"no lab {run!r} on this machine; known: {known}") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise ConfigError("is damaged; run: weft lab clean", file=str(path)) from None


def find_state(run: str | None, family: str) -> State:
    """Return a lab by name; without one, the only one there is of a family.

    Raises:
        ConfigError: there is none, or several and none was named, or its file is damaged.
    """
    if run is None:
        known = runs(family)
        if not known:
            raise ConfigError("no lab is up on this machine; begin with: weft lab up CLUSTER")
        if len(known) > 1:
            raise ConfigError(f"{len(known)} labs are up: {', '.join(known)}; name one with --run")
        run = known[0]
    return read_state(run)


def runs(family: str | None = None) -> list[str]:
    """Return the runs that are written down, of one family or all; those without a readable file only in all."""
    try:
        found = sorted(entry.name for entry in FOLDER.iterdir() if entry.name[0] != ".")
    except FileNotFoundError:
        return []
    if family is None:
        return found
    mine = []
    for run in found:
        with contextlib.suppress(ConfigError):
            if read_state(run).family == family:
                mine.append(run)
    return mine


def forget(run: str) -> None:
    """Delete what is written down of a lab."""
    shutil.rmtree(FOLDER / run, ignore_errors=True)


def forget_unborn() -> None:
    """Delete what processes that are gone were about to write down."""
    with contextlib.suppress(FileNotFoundError):
        for entry in FOLDER.iterdir():
            if entry.name[0] == "." and not Path("/proc", entry.name[1:].partition("-")[0]).exists():
                shutil.rmtree(entry, ignore_errors=True)


def note(run: str, what: str, **more: object) -> None:
    """Add a line to a lab's log of events."""
    line = json.dumps({"time_s": round(time.time(), 3), "what": what, **more}) + "\n"
    with contextlib.suppress(OSError), (FOLDER / run / "events.jsonl").open("a") as stream:
        stream.write(line)


def notes(run: str) -> list[dict[str, Any]]:
    """Return a lab's log of events, oldest first."""
    try:
        lines = (FOLDER / run / "events.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def _began(pid: int) -> int:
    """Return when a process began, clock ticks since boot; 0 where there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
