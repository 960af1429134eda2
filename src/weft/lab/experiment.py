"""A collective on a lab while something breaks: what it took, what was noticed, what was done about it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from weft.errors import ConfigError, InfeasibleError
from weft.lab import faults
from weft.lab.backend import Settling
from weft.lab.controller import Controller
from weft.lab.lab import Lab, wait_until
from weft.lab.plan import LabLink
from weft.lab.workloads.gloo import GlooJob, Trained
from weft.lab.workloads.ranks import Rank
from weft.lab.workloads.steps import Steps

How = Literal["cut", "silent", "degrade"]
HOWS: dict[str, How] = {"cut": "cut", "silent": "silent", "degrade": "degrade"}
#: Of a job that was asked to break where most of its bytes go.
BUSIEST = "busiest"
_WATCH_S = 0.3  # how long counters are watched to find it
_SETTLE_S = 1.2  # until heartbeats have been heard on every link
RECOVERED_WITHIN_S = 15.0  # until a mended link is used again: of a slow one, a few probes, two seconds apart


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is to break during a job.

    Attributes:
        link: its two ends, as `LabPlan.link` takes them; None for the link of two switches that carries most then.
        how: cut, silent, or degrade.
        at_s: from the first step's start.
        share: of a degraded link's rate, what is left.
    """

    link: tuple[str, str] | None
    how: How = "cut"
    at_s: float = 1.0
    share: float = 0.2


@dataclass(frozen=True, slots=True)
class Struck:
    """What broke, and when, on the machine's monotonic clock."""

    link: LabLink
    how: How
    time_s: float


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        ranks: who took part.
        steps: as they were timed.
        struck: what broke; None where nothing was to.
        reactions: of the controller, see `weft.lab.controller.as_data`.
        trained: of a training run.
        used: by link, part of its rate that it carried over the whole job, of the busier way.
    """

    ranks: tuple[Rank, ...]
    steps: Steps
    struck: Struck | None
    reactions: list[dict[str, Any]]
    trained: Trained | None
    used: dict[LabLink, float] = field(default_factory=dict)

    @property
    def ideal_Bps(self) -> float:
        """Bus bandwidth if the slowest rank's port carried nothing but payload, all the time."""
        return min(rank.rate_Bps for rank in self.ranks)

    @property
    def efficiency(self) -> float:
        """Bus bandwidth of the median step, as part of the ideal."""
        return self.steps.busbw_Bps / self.ideal_Bps

    def stall_s(self) -> float:
        """By how much the longest step that ended after the fault is longer than the median before it.

        Without a fault, or without a step before it: than the median of all.
        """
        if self.struck is None:
            return self.steps.worst_stall_s
        ends = self.steps.ends_s
        before = Steps("all_reduce", 1, 2, tuple(end for end in ends if end <= self.struck.time_s)).median_s
        usual = before or self.steps.median_s
        after = [b - a for a, b in pairwise(ends) if b > self.struck.time_s]
        return max(after) - usual if after else 0.0


def experiment(
    lab: Lab,
    job: GlooJob,
    kind: str,
    size_bytes: float,
    iterations: int,
    *,
    react: bool = False,
    fault: Fault | None = None,
    finish_within_s: float = 600.0,
) -> Outcome:
    """Run a collective or ``training``; break and mend one link meanwhile.

    Args:
        lab: it.
        job: ranks that wait for work on it.
        kind: collective, or ``training``.
        size_bytes: of a step.
        iterations: steps.
        react: whether a controller looks after the lab.
        fault: what is to break; it is mended at the end.
        finish_within_s: more is a failure.

    Raises:
        ConfigError: what was asked for cannot be.
        InfeasibleError: the ranks or the controller are gone.
    """
    before, began_s = sent(lab), time.monotonic()
    with contextlib.ExitStack() as stack:
        controller = stack.enter_context(Controller(lab)) if react else None
        if controller is not None:
            time.sleep(_SETTLE_S)
            before, began_s = sent(lab), time.monotonic()
        job.begin(kind, size_bytes, iterations)
        struck = _strike(lab, fault) if fault is not None else None
        if struck is not None:
            stack.callback(_mend, lab, struck, controller)
        trained = job.trained(finish_within_s) if kind == "training" else None
        steps = trained.steps if trained is not None else job.finish(finish_within_s)
        elapsed_s, after = time.monotonic() - began_s, sent(lab)
        reactions = controller.log if controller is not None else []
    used = {link: _used(link, before, after, elapsed_s) for link in lab.plan.links}
    for reaction in reactions:
        lab.note("reaction", groups=reaction["groups_replaced"], events=len(reaction["events"]))
    return Outcome(tuple(job.ranks), steps, struck, reactions, trained, used)


def busiest(lab: Lab, watch_s: float = _WATCH_S) -> LabLink:
    """Return the link between switches by which most is sent downward, watched for a while.

    Upward it would not do: a switch that loses its own uplink uses another by itself, and nothing is lost. It is the
    far switches, which go on sending to one that has no way down any more, that have to be told.

    Raises:
        ConfigError: no two switches are joined.
    """
    before = sent(lab)
    time.sleep(watch_s)
    after = sent(lab)
    switches = {node.name for node in lab.plan.switches}
    between = [link for link in lab.plan.links if link.a in switches and link.b in switches]
    if not between:
        raise ConfigError("no two switches are joined, so there is no link to break between them")
    return max(between, key=lambda link: max(after[end] - before[end] for end in _downward(lab, link)))


def sent(lab: Lab) -> dict[tuple[str, str], int]:
    """Return the bytes that every (node, port) has sent so far."""
    return {end: count.transmit_bytes for end, count in lab.counters().items()}


def _downward(lab: Lab, link: LabLink) -> list[tuple[str, str]]:
    """Return the ends of a link that send downward: the upper one, or both where switches are of one kind."""
    lower, upper = (link.a, link.a_port), (link.b, link.b_port)
    return [upper] if lab.plan.by_name[link.a].kind != lab.plan.by_name[link.b].kind else [lower, upper]


def _used(
    link: LabLink, before: dict[tuple[str, str], int], after: dict[tuple[str, str], int], elapsed_s: float
) -> float:
    ends = ((link.a, link.a_port), (link.b, link.b_port))
    return max(after[end] - before[end] for end in ends) / elapsed_s / link.rate_Bps


def _strike(lab: Lab, fault: Fault) -> Struck:
    acts: dict[How, Callable[[LabLink], None]] = {
        "cut": lambda link: faults.cut(lab, link),
        "silent": lambda link: faults.silent(lab, link),
        "degrade": lambda link: faults.degrade(lab, link, fault.share),
    }
    if fault.link is None:
        time.sleep(max(0.0, fault.at_s - _WATCH_S))
        link = busiest(lab)
    else:
        time.sleep(fault.at_s)
        link = lab.plan.link(*fault.link)
    now_s = time.monotonic()
    acts[fault.how](link)
    return Struck(link, fault.how, now_s)


def _mend(lab: Lab, struck: Struck, controller: Controller | None) -> None:
    """Mend what broke, and wait until who forwards, or the controller, uses it again: the next job begins whole."""
    faults.heal(lab, struck.link)
    if isinstance(lab.backend, Settling):
        with contextlib.suppress(InfeasibleError):  # other links are broken too
            lab.backend.settle(lab)
    if controller is not None:
        wait_until(lambda: not controller.amiss(struck.link), RECOVERED_WITHIN_S, 0.05)


def fault_of(link: str | None, how: str, at_s: float, share: float) -> Fault | None:
    """Return what a user wrote of a fault: two ends with a comma, or ``busiest``; None where nothing is to break.

    Raises:
        ConfigError: it is neither, or there is no such way to break.
    """
    if how not in HOWS:
        raise ConfigError(f"a link is broken by {', '.join(HOWS)}, not {how!r}", field="--how")
    if link is None:
        return None
    a, _, b = (part.strip() for part in link.partition(","))
    if link != BUSIEST and (not a or not b or "," in b):
        raise ConfigError(f"expected two ends such as leaf0,spine1, or {BUSIEST}; read {link[:60]!r}", field="--fail")
    return Fault(None if link == BUSIEST else (a, b), HOWS[how], at_s, share)
