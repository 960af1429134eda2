"""The constants of congestion controls, from their papers and a simulation's settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weft.engines.packet import (
    dcqcn_kernels,
    dctcp_kernels,
    hpcc_kernels,
    nscc_kernels,
    swift_kernels,
    timely_kernels,
)
from weft.engines.packet.transport import Settings
from weft.engines.packet.word_kernels import WORD, WORDS

PS = 1e12
_REFERENCE_BDP = 12.5e9 * 12e-6  # bytes: UE Specification 1.0 scales NSCC from 100 Gb/s and 12 us
_REFERENCE_RTT_s = 12e-6


_Mbps = 1e6 / 8 / PS  # bytes/ps


def control_constants(settings: Settings, flows: int) -> tuple[Any, Any]:
    """Return (what each flow's control remembers, blank; its constants) as tables."""
    from weft.engines.packet.tables import records

    memory = records(flows * WORDS, WORD)
    make = {
        "nscc": _nscc,
        "dctcp": _dctcp,
        "dcqcn": _dcqcn,
        "hpcc": _hpcc,
        "timely": _timely,
        "swift": _swift,
    }.get(settings.transport.control)
    return memory, make(settings) if make else records(1, WORD)


def _row(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return (a table of one row, the row)."""
    from weft.engines.packet.tables import records

    table = records(1, dtype)
    return table, table[0]


def _nscc(settings: Settings) -> Any:
    """UE Specification 1.0, 3.6.13, table of NSCC parameters."""
    t, s = settings.transport, settings
    table, const = _row(nscc_kernels.CONSTANTS)
    mss = t.mtu_bytes - t.header_bytes
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


def _dctcp(settings: Settings) -> Any:
    """M. Alizadeh et al., SIGCOMM 2010, section 3.4: g = 1/16."""
    table, const = _row(dctcp_kernels.CONSTANTS)
    const.g = 1 / 16
    return table


def _dcqcn(settings: Settings) -> Any:
    """Y. Zhu et al., SIGCOMM 2015, sections 3.1 and 5.2: g = 1/256, 55 us, 10 MB, five steps, R_AI = 40 Mb/s.

    R_AI is for ports of 40 Gb/s, and grows with them. R_HAI is not given; it is ten times R_AI as in the control that
    DCQCN builds on (IEEE 802.1Qau: 5 and 50 Mb/s at 10 Gb/s). No rate falls below one step of R_AI.
    """
    table, const = _row(dcqcn_kernels.CONSTANTS)
    const.g = 1 / 256
    const.alpha_ps = const.rate_ps = 55e-6 * PS
    const.rate_bytes = 10e6
    const.recovery = 5
    const.additive = 40 * _Mbps * settings.rate_Bps / 5e9
    const.hyper = 10 * const.additive
    const.least = const.additive
    return table


def _hpcc(settings: Settings) -> Any:
    """Y. Li et al., SIGCOMM 2019, section 5.1: eta = 0.95, maxStage = 5, W_AI for a hundred flows on a link.

    Section 3.3 sets W_AI = W_init (1 - eta) / N; the 80 bytes of section 5.1 are N = 100 at 100 Gb/s and 13 us.
    """
    table, const = _row(hpcc_kernels.CONSTANTS)
    const.eta, const.most_stage, const.flows = 0.95, 5, 100
    return table


def _timely(settings: Settings) -> Any:
    """R. Mittal et al., SIGCOMM 2015, section 4.3 and 6.1, for ports of 10 Gb/s and a least round trip of 20 us.

    alpha = 0.875, beta = 0.8, T_low = 50 us, T_high = 500 us, delta = 10 Mb/s, fast growth by 5 after 5 answers. The
    times keep their ratio to the network's own round trip, and delta to the rate.
    """
    table, const = _row(timely_kernels.CONSTANTS)
    rtt_ps = settings.rtt_s * PS
    const.alpha, const.beta = 0.875, 0.8
    const.least_rtt_ps = rtt_ps
    const.low_ps, const.high_ps = rtt_ps * 50 / 20, rtt_ps * 500 / 20
    const.step = 10 * _Mbps * settings.rate_Bps / 1.25e9
    const.calm = const.fast = 5
    return table


def _swift(settings: Settings) -> Any:
    """G. Kumar et al., SIGCOMM 2020, section 3: a_i = 1 packet, beta = 0.8, at most half of the window is cut.

    Flow scaling works on windows of 0.1 to 100 packets (section 3.1). The paper leaves the delays to the network: the
    base is the queueing delay that is aimed at, as is the range, and a hop adds what a link takes without queues.
    """
    table, const = _row(swift_kernels.CONSTANTS)
    most, least = 100.0, 0.1
    const.additive, const.beta, const.most_cut = 1.0, 0.8, 0.5
    const.base_ps = settings.target_delay_s * PS
    const.hop_ps = settings.rtt_s * PS / settings.links
    const.range_ps = const.base_ps
    const.scale_ps = const.range_ps / (1 / math.sqrt(least) - 1 / math.sqrt(most))
    const.offset_ps = -const.scale_ps / math.sqrt(most)
    const.least = 0.001
    return table
