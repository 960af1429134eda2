"""Links that change under way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from weft.engines.packet.reference.model import PS
from weft.engines.packet.reference.port import Port
from weft.engines.packet.reference.simulation import Reference

Floats = npt.NDArray[np.float64]


def set_rates(reference: Reference, rate_Bps: Floats) -> None:
    """Let ports carry so much from now on, float64[ports]; 0 for those whose link is dead."""
    nominal = reference.network.rate_Bps
    for number, port in enumerate(reference.ports):
        same = abs(port.link.ps_per_byte * rate_Bps[number] / PS - 1) <= 1e-9
        if rate_Bps[number] > 0 and not same:
            _slow_down(reference, port, float(rate_Bps[number]), float(rate_Bps[number] / nominal[number]))
    for port, rate in zip(reference.ports, rate_Bps, strict=True):
        if port.up and rate == 0:
            port.die()
    for port, rate in zip(reference.ports, rate_Bps, strict=True):
        if not port.up and rate > 0:
            port.live()


def _slow_down(reference: Reference, port: Port, rate_Bps: float, left_x: float) -> None:
    """Give a port another rate, and queues and marks in proportion; what is being sent ends as it would have."""
    settings, network = reference.model.settings, reference.network
    x = left_x if network.buffer_x is None else left_x * float(network.buffer_x[port.link.number])
    ecn = (int(settings.ecn_low_bytes * x), int(settings.ecn_high_bytes * x))
    port.link = replace(
        port.link,
        ps_per_byte=PS / rate_Bps,
        limit=max(int(settings.queue_bytes * x), 2 * settings.transport.mtu_bytes),
        ecn=None if port.link.ecn is None else ecn,
    )
    if port.link.number < network.hosts:
        reference.hosts[port.link.number].grant_at(port.link.ps_per_byte)


def learn(reference: Reference, rate_Bps: Floats) -> None:
    """Let switches know of what links carry, float64[ports]; those with 0 are not used."""
    links = slice(2 * reference.network.hosts, None)
    nominal = reference.network.rate_Bps[links]
    reference.learn(nominal * (rate_Bps[links] / nominal))
