"""The constants of congestion controls, from their papers and a simulation's settings."""

from __future__ import annotations

from typing import Any

from weft.engines.packet import nscc_kernels
from weft.engines.packet.control_kernels import WORD, WORDS
from weft.engines.packet.transport import Settings

PS = 1e12
_REFERENCE_BDP = 12.5e9 * 12e-6  # bytes: UE Specification 1.0 scales NSCC from 100 Gb/s and 12 us
_REFERENCE_RTT_s = 12e-6


def control_constants(settings: Settings, flows: int) -> tuple[Any, Any]:
    """Return (what each flow's control remembers, blank; its constants) as tables."""
    from weft.engines.packet.tables import records

    memory = records(flows * WORDS, WORD)
    make = {"nscc": _nscc}.get(settings.transport.control)
    return memory, make(settings) if make else records(1, WORD)


def _nscc(settings: Settings) -> Any:
    """UE Specification 1.0, 3.6.13, table of NSCC parameters."""
    from weft.engines.packet.tables import records

    t, s = settings.transport, settings
    table = records(1, nscc_kernels.CONSTANTS)
    const, mss = table[0], t.mtu_bytes - t.header_bytes
    scale = s.bdp_bytes / _REFERENCE_BDP
    const.target_ps = s.target_delay_s * PS
    const.alpha = 4.0 * mss * scale * (s.target_delay_s / _REFERENCE_RTT_s) / const.target_ps
    const.fair = 5 * mss * scale
    const.eta = 0.15 * mss * scale
    const.gamma = 0.8
    const.fast = 0.25 * scale
    const.fast_delay_ps = 1e-6 * PS
    const.mean_weight = 0.0125
    const.adjust_ps = s.rtt_s * PS
    const.adjust_bytes = 8 * t.mtu_bytes
    const.quick_shift = 3
    const.quick_delay_ps = 4 * const.target_ps
    const.rtt_on_loss = 1
    const.bdp_x = s.window_x
    return table
