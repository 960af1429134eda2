"""The scenario file: what happens to a network while a job runs on it.

Faults and degradations at given times, hosts that are slow, traffic of others, other jobs. Times count from the start
of the step.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from weft.files import Duration, Rate, Strict, read_model

Seconds = Annotated[Duration, Field(ge=0, le=1e6)]


class Fault(Strict):
    """A cable, a NIC or a whole switch that fails or slows down.

    Hashed paths go on using a dead link, and stall, until routing has converged; switches that spread packets over
    several ports leave out a dead one at once.
    """

    at: Seconds = Field(0.0, description="when it happens")
    link: tuple[str, str] | None = Field(None, description="the two ends of a cable, such as [leaf0, spine1]")
    cable: int | None = Field(None, ge=0, description="which of the parallel cables between them; default: all")
    node: str | None = Field(None, description="a switch, NIC or accelerator, such as pod0/leaf3: all its links")
    rate: float = Field(0.0, ge=0, lt=1, description="what is left of its rate: 0 is dead, 0.5 half")
    until: Seconds | None = Field(None, description="when it is mended; default: never")
    reroute: Seconds = Field(0.01, description="how long until routing knows; default 10ms")

    @model_validator(mode="after")
    def _one_place(self) -> Fault:
        if (self.link is None) == (self.node is None):
            raise ValueError("say where: either link: [leaf0, spine1] or node: leaf0")
        if self.cable is not None and self.link is None:
            raise ValueError("cable counts the parallel cables of a link; name the link's two ends")
        if self.until is not None and self.until <= self.at:
            raise ValueError(f"until must be after at, read {self.until:g}s and {self.at:g}s")
        return self


class Slow(Strict):
    """Accelerators whose compute takes longer: a straggler."""

    node: str = Field(description="a host or an accelerator, such as host3 or host3/gpu2")
    factor: float = Field(gt=0, le=1000, description="how many times as long its compute takes")


class Background(Strict):
    """Traffic of others, from start to end as fast as the network lets it, or up to a rate a flow."""

    pattern: Literal["pairs", "permutation", "shift", "incast"] = Field("pairs", description="who sends to whom")
    pairs: list[tuple[str, str]] = Field([], description="of pattern pairs: [from, to], accelerators by name")
    first: int = Field(0, ge=0, description="first accelerator that takes part, of the other patterns")
    count: int | None = Field(None, gt=1, description="how many accelerators take part; default: all from the first")
    distance: int = Field(1, ge=1, description="of a shift: how many accelerators further each sends")
    seed: int = Field(0, ge=0, description="of a permutation")
    rate: Rate | None = Field(None, gt=0, description="most that one flow sends; default: no limit")
    start: Seconds = Field(0.0, description="when it begins")
    until: Seconds | None = Field(None, description="when it ends; default: never")
    priority: int = Field(0, ge=0, le=7, description="traffic class: a lower number goes first, strictly; jobs have 0")
    weight: float = Field(1.0, gt=0, le=1e6, description="share of a contended link relative to a flow of weight 1")

    @model_validator(mode="after")
    def _complete(self) -> Background:
        if (self.pattern == "pairs") != bool(self.pairs):
            raise ValueError("pattern pairs needs pairs: [[host0/gpu0, host1/gpu0]], and other patterns have none")
        if self.until is not None and self.until <= self.start:
            raise ValueError(f"until must be after start, read {self.until:g}s and {self.start:g}s")
        return self


class OtherJob(Strict):
    """Another training job on the same fabric, that runs step after step while the first runs one."""

    job: str = Field(description="its job file, relative to the scenario")
    first: int = Field(ge=0, description="the first accelerator it runs on")
    priority: int = Field(0, ge=0, le=7, description="its traffic class; a lower number goes first, strictly")
    weight: float = Field(1.0, gt=0, le=1e6, description="share of a contended link relative to a flow of weight 1")


class Scenario(Strict):
    """What happens to the network while a job runs."""

    faults: list[Fault] = Field([], description="what breaks or slows down, and when")
    slow: list[Slow] = Field([], description="hosts or accelerators whose compute is slow")
    background: list[Background] = Field([], description="traffic of others")
    jobs: list[OtherJob] = Field([], description="other jobs beside the one that is asked about")
    first: int = Field(0, ge=0, description="the first accelerator of the job that is asked about")
    _folder: Path = PrivateAttr(default=Path())

    @property
    def steady(self) -> bool:
        """Nothing changes while the job runs: a step's micro-batches may repeat."""
        faults = all(fault.at == fault.reroute == 0 and fault.until is None for fault in self.faults)
        return faults and not self.jobs and all(b.start == 0 and b.until is None for b in self.background)

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self._folder

    def placed_in(self, folder: Path) -> Scenario:
        """The scenario with relative paths counted from a folder."""
        self._folder = folder
        return self


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file.

    Raises:
        ConfigError: with file, line and field.
    """
    return read_model(path, Scenario).placed_in(Path(path).resolve().parent)
