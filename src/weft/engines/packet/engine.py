"""The packet engine: communications as flows of packets, sharing ports and queues with everything else under way.

A communication waits for its latency as the closed form has it (less what its packets take to cross the network, which
they do themselves), then its stages follow one another; a stage ends when all of its flows have been received, and not
before the ranks themselves could have done it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from weft.engines.analytic import AnalyticEngine
from weft.engines.fluid.states import State
from weft.engines.packet import code_kernels
from weft.engines.packet.carriage import Carried
from weft.engines.packet.faults import learn, set_rates
from weft.engines.packet.flow_rows import PS
from weft.engines.packet.flows import simple
from weft.engines.packet.launch import Launch, Launcher, Wanted
from weft.engines.packet.ledger import Ledger
from weft.engines.packet.of_fabric import FabricNetwork
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Sampler, Sampling
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Transport
from weft.engines.packet.withdraw import received_part, withdraw
from weft.routing.resources import link_state
from weft.workload.program import Communication

Ints = npt.NDArray[np.int64]
_CHUNK_s = 10e-3  # between looks at whether anything moves, where nothing else is to come
_CHUNK_RTOS = 200


@dataclass(frozen=True, eq=False)
class Others:
    """Traffic of others.

    Attributes:
        start_s, until_s: when it begins and ends; infinite for never.
        wanted: what it sends.
    """

    start_s: float
    until_s: float
    wanted: Wanted


@dataclass(slots=True)
class _Flight:
    """A communication on its way: the stage it is in, how many of its flows are not received, its earliest end."""

    carried: Carried
    stage: int = -1
    pending: int = 0
    earliest_s: float = 0.0


class PacketEngine:
    """Times communications on a fabric, packet by packet, with everything else that is in flight there.

    Attributes:
        simulation: the packets.
        carried: how a communication goes.
        launcher: makes flows of transfers.
        ledger: what becomes of communications' flows; not of others' traffic.
    """

    name = "packet"
    contends = True

    def __init__(
        self,
        fabric: FabricNetwork,
        transport: Transport,
        carried: Callable[[Communication], Carried],
        closed_form: AnalyticEngine,
        *,
        states: Sequence[State] = (),
        others: Sequence[Others] = (),
        sampling: Sampling | None = None,
    ) -> None:
        """Begin on an idle network.

        Args:
            fabric: the network.
            transport: how its traffic behaves.
            carried: how each communication goes.
            closed_form: says what a communication takes alone.
            states: of the network over time, the first at 0.
            others: traffic of others.
            sampling: what to record over time.
        """
        self.fabric, self.transport, self.carried = fabric, transport, carried
        self._closed, self._states, self._others, self._sampling = closed_form, states, others, sampling
        self.reset()

    def reset(self) -> None:
        """Begin again, at time 0 on an idle network."""
        self.simulation = Simulation(self.fabric.network, self.transport, simple([], [], 1))
        self.simulation.world.stop_on_end = 1
        self.simulation.world.ends_at_receipt = 1
        self.ledger = Ledger(self.simulation)
        self._sampler = Sampler(self.simulation, self._sampling) if self._sampling is not None else None
        known = self._states[0].known_x if self._states else None
        self.launcher = Launcher(self.fabric, self.transport, known)
        self._flights: dict[int, _Flight] = {}
        self._flow: dict[int, tuple[int, Launch, int]] = {}  # by row: whose, of which launch, which flow
        self._stranded: list[tuple[int, Wanted]] = []
        self._ended: list[tuple[float, int]] = []
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = itertools.count()
        self._begun_s = 0.0  # when flows were last put on the network, which may have been idle until then
        for number, state in enumerate(self._states):
            if number or (state.rate_x < 1).any() or (state.known_x < 1).any():
                self._at(state.start_s, partial(self._change, number))
        for number, other in enumerate(self._others):
            self._at(other.start_s, partial(self._begin_other, -1 - number, other.wanted))
            if not math.isinf(other.until_s):
                self._at(other.until_s, partial(self._end_other, -1 - number))

    # --- what the executor asks

    def start(self, token: int, communication: Communication, now_s: float) -> None:
        """Put a communication in flight."""
        carried = self.carried(communication)
        flight = self._flights[token] = _Flight(carried)
        own_s = sum(self.launcher.latency_s(carried, stage) for stage in range(len(carried.stages)))
        self._at(now_s + max(0.0, carried.delay_s - own_s), partial(self._advance, token, flight))

    def peek(self, limit_s: float = math.inf) -> float:
        """Go on until the next communication ends, but not beyond a time; infinity where none ends by then."""
        while not self._ended:
            due_s = self._agenda[0][0] if self._agenda else math.inf
            if self._hear(min(limit_s, due_s)):
                continue
            if due_s > limit_s or math.isinf(due_s):
                return math.inf
            now_s, _, act = heapq.heappop(self._agenda)
            if self._sampler is not None:
                self._sampler.pass_over(now_s)
            act(now_s)
        return self._ended[0][0]

    def pop(self) -> tuple[float, int]:
        """Take the end that `peek` saw."""
        return heapq.heappop(self._ended)

    def alone_s(self, communication: Communication) -> float:
        """Seconds of a communication by the closed form: it takes no other run to tell."""
        return self._closed.alone_s(communication)

    def bound(self, communication: Communication) -> str:
        """The link class that limits a communication by the closed form."""
        return self._closed.bound(communication)

    def stuck(self) -> str:
        """Name a communication whose packets no longer get through."""
        waiting = [flight.carried.name for flight in self._flights.values()]
        if not waiting:
            return ""
        return (
            f"unreachable: {waiting[0]} cannot finish, its packets do not get through any more; mend the link, add "
            "another path, or give the fault an end with until"
        )

    def outcome(self) -> Outcome:
        """What became of the packets of communications so far; those of others' traffic count at ports."""
        found = self.ledger.outcome()
        return found if self._sampler is None else replace(found, samples=self._sampler.finish(found.simulated_s))

    # --- what happens

    def _at(self, time_s: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (time_s, next(self._number), act))

    def _hear(self, until_s: float) -> bool:
        """Let packets move until a time; whether a flow was received before."""
        if not self._flow:
            return False
        if not math.isinf(until_s):
            return self._told(self._run(until_s))
        if not any(token >= 0 for token, _, _ in self._flow.values()):
            return False
        while True:
            before = self._progress()
            step_s = max(_CHUNK_s, _CHUNK_RTOS * self.simulation.settings.rto_s)
            why = self._run(max(self.simulation.now_s, self._begun_s) + step_s)
            if self._told(why):
                return True
            if why in (code_kernels.FINISHED, code_kernels.IDLE) or self._progress() == before:
                return False

    def _run(self, until_s: float) -> int:
        return self.simulation.run(until_s) if self._sampler is None else self._sampler.run(until_s)

    def _told(self, why: int) -> bool:
        """Take in the ends that the loop came back for."""
        if why != code_kernels.HEARD:
            return False
        now_s = self.simulation.now_s
        for row in self.simulation.ended.tolist():
            if row in self._flow:
                token, _, _ = self._flow.pop(row)
                if token >= 0:
                    self._received(token, now_s)
        return True

    def _progress(self) -> int:
        """Bytes received of communications' flows."""
        rows = [row for row, (token, _, _) in self._flow.items() if token >= 0]
        return int(self.simulation.tables["receivers"].bytes[rows].sum())

    def _received(self, token: int, now_s: float) -> None:
        """A flow of a communication has been received."""
        flight = self._flights[token]
        flight.pending -= 1
        if flight.pending == 0:
            self._at(max(now_s, flight.earliest_s), partial(self._advance, token, flight))

    def _advance(self, token: int, flight: _Flight, now_s: float) -> None:
        """Start the next stage that moves anything; where there is none, the communication has ended."""
        carried = flight.carried
        for number in range(flight.stage + 1, len(carried.stages)):
            launch = self.launcher.launch(carried, number)
            if launch.count:
                flight.stage, flight.pending = number, launch.count
                flight.earliest_s = now_s + carried.size_bytes / carried.stages[number].cap_Bps
                self._add(token, launch, now_s)
                return
        del self._flights[token]
        heapq.heappush(self._ended, (now_s, token))

    def _add(self, token: int, launch: Launch, now_s: float) -> None:
        """Put flows on the network; those without a way wait for one."""
        flows, self._begun_s = launch.flows(now_s), now_s
        rows = self.simulation.add(flows, self.ledger.write)
        if token >= 0:
            self.ledger.open(rows, flows, self._flights[token].carried.name)
        for number, row in enumerate(rows.tolist()):
            self._flow[row] = (token, launch, number)
        if launch.lost is not None:
            self._stranded.append((token, launch.lost))

    def _begin_other(self, token: int, wanted: Wanted, now_s: float) -> None:
        """Traffic of others begins."""
        self._add(token, self.launcher.relaunch(wanted), now_s)

    def _end_other(self, token: int, now_s: float) -> None:
        """Traffic of others ends."""
        for row in [row for row, (whose, _, _) in self._flow.items() if whose == token]:
            del self._flow[row]
            withdraw(self.simulation, row)

    def _change(self, number: int, now_s: float) -> None:
        """The network's state changes: links, then what forwarding and hosts know of them."""
        state, before = self._states[number], self._states[max(0, number - 1)]
        self.simulation.world.now = max(int(self.simulation.world.now), round(now_s * PS))
        set_rates(self.simulation, self._rates(state.rate_x))
        if number == 0 or not np.array_equal(state.known_x, before.known_x):
            known_Bps = self._rates(state.known_x)
            learn(self.simulation, known_Bps)
            self.launcher.learn(state.known_x)
            self._move(known_Bps, now_s)

    def _rates(self, rate_x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return self.fabric.parts.rates(link_state(self.fabric.fabric, None, rate_x)[0])

    def _move(self, known_Bps: npt.NDArray[np.float64], now_s: float) -> None:
        """Send what is left of flows whose ports are dead by others, and what had no way if it has one now."""
        hosts = self.fabric.network.hosts
        dead = (known_Bps[:hosts] <= 0) | (known_Bps[hosts : 2 * hosts] <= 0)
        waiting, self._stranded = self._stranded, []
        for row, (token, launch, number) in list(self._flow.items()):
            if not (dead[launch.src[number]] or dead[launch.dst[number]]):
                continue
            left_x = 1.0 - received_part(self.simulation, row)
            again = self.launcher.again(launch, number, left_x)
            if again.lost is not None:
                continue  # no other way either: it goes on when the link does
            del self._flow[row]
            withdraw(self.simulation, row)
            self._replace(token, again, 1, now_s)
        for token, lost in waiting:
            self._replace(token, self.launcher.relaunch(lost), len(lost), now_s)

    def _replace(self, token: int, launch: Launch, before: int, now_s: float) -> None:
        """Flows take the place of others of a communication."""
        if token >= 0:
            self._flights[token].pending += launch.count - before
        self._add(token, launch, now_s)
