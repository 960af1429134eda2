"""Runs a packet simulation to its end, or to a time, in steps: to say how far it is, and to take samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from weft.engines.packet import code_kernels
from weft.engines.packet.flows import Flows
from weft.engines.packet.network import PacketNetwork
from weft.engines.packet.outcome import Outcome, ideal_of, outcome
from weft.engines.packet.samples import Sampler, Sampling
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError

Progress = Callable[[int, int], None]

_STEP_s = 0.05  # of wall time


def run_flows(
    network: PacketNetwork,
    transport: Transport,
    flows: Flows,
    *,
    until_s: float = math.inf,
    sampling: Sampling | None = None,
    progress: Progress | None = None,
    at_receipt: bool = False,
) -> Outcome:
    """Simulate flows until all have ended; the steps do not change the answer.

    Args:
        network, transport, flows: what is simulated.
        until_s: stop there, if flows still run.
        sampling: what to record over time.
        progress: told (kilobytes that have arrived, of how many) every so often.
        at_receipt: what waits for a flow starts when that has been received, not when its sender knows.

    Raises:
        ConfigError: flows name hosts that are not there, or sizes cannot be simulated.
        InfeasibleError: a flow has no way, or links wait for each other in a circle.
    """
    if not until_s > 0:
        raise ConfigError(f"{until_s:g} s; a time after the start", field="until")
    if not len(flows):
        raise ConfigError("there are no flows to simulate", field="flows")
    begun = time.perf_counter()
    simulation = Simulation(network, transport, flows)
    simulation.world.ends_at_receipt = at_receipt
    ideal_s = ideal_of(simulation)
    sampler = Sampler(simulation, sampling) if sampling else None
    why = _in_steps(simulation, until_s, sampler, progress)
    stuck = why == code_kernels.IDLE
    last_s = float(simulation.tables["senders"].end_ps.max()) * 1e-12
    all_ended = int(simulation.world.done) == len(flows)
    samples = sampler.finish(last_s if all_ended else simulation.now_s) if sampler else None
    return outcome(simulation, ideal_s, stuck=stuck, samples=samples, wall_s=time.perf_counter() - begun)


def _in_steps(simulation: Simulation, until_s: float, sampler: Sampler | None, progress: Progress | None) -> int:
    """Run in steps of one sample, or of a length that takes little time; return why the last came back."""
    step_s, flows = simulation.settings.rtt_s, len(simulation.flows)
    at_s = 0.0
    while True:
        begun = time.perf_counter()
        at_s = min(until_s, sampler.next_s if sampler else at_s + step_s)
        why = simulation.run(at_s)
        if int(simulation.world.done) == flows:
            return simulation.run(until_s)  # what is left: timers, packets that nobody waits for
        if why != code_kernels.REACHED or at_s >= until_s:
            return why
        if sampler:
            sampler.take(at_s)
        took = time.perf_counter() - begun
        step_s *= 2 if took < _STEP_s else 0.5 if took > 4 * _STEP_s else 1
        if progress:
            progress(*_arrived(simulation))


def _arrived(simulation: Simulation) -> tuple[int, int]:
    """Kilobytes that receivers have said to have, and of how many."""
    settings = simulation.settings.transport
    sender = simulation.tables["senders"]
    wire = simulation.flows.size_bytes + sender.packets.astype(np.int64) * settings.header_bytes
    return int(sender.received.sum()) // 1000, int(wire.sum()) // 1000
