"""The congestion suite: packet simulations against published ones.

Rows that state network, transport and traffic are run by the packet engine, those with chance in them over several
seeds. What is a gain over another system, or needs what a row does not state, is ``unsupported`` with the reason.
Bounds that authors set are bounds, not measurements.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from weft.engines.packet.simulation import Simulation
from weft.validation.congestion_cases import Case, Inexpressible, case_of
from weft.validation.rows import Prediction, Row, RowFile, unsupported

_CHANCE = 2e-3  # of packets
_MOST_AT_ONCE = 4  # runs, each of up to some hundred megabytes
_BOUND = "a bound that the authors set, not a measurement"
_GAIN = "a gain over another system under conditions that are not stated"
_REASONS = {
    "hpcc_fct": "an 'up to' over several workloads and loads",
    "meta_ecmp_loss": "of training jobs on a network that is partly in use; how it is used is not stated",
    "meta_path_pin": "a remedy, not a measurement",
    "meta_nodcqcn": "a choice of configuration, not a measurement",
    "hpn_dcn": _GAIN,
    "strack_coll": _GAIN,
    "spectrumx_1p6": _GAIN,
    "colossus": "a vendor's claim for a network that is not described",
    "c4": _GAIN,
    "crux": _GAIN,
    "cassini": _GAIN,
    "swift": "of a production cluster under its own traffic",
    "ds_mpft_a2a": "a difference of measurements within noise",
    "ds_ep_bw": "the work of a library (DeepEP) on accelerators, not of the network alone",
    "ds_ecmp": "a ranking; its figures cannot be read",
    "ds_train_equal": "a training step, predicted by the training suite where conditions allow",
    "nccl_interleave": "collectives of a library, see the nccl suite",
    "i78": "collectives of a library, see the nccl suite",
    "irn": "a range over workloads that are not stated",
    "ethereal": "no figure",
    "spx_line_rate": "of a test bed whose traffic is not stated",
    "spx_latency_p99": "of a test bed whose traffic is not stated",
    "spx_fail": "of a test bed whose traffic is not stated",
    "aster_ecmp5": "of a test bed whose flows are not stated",
    "aster_qphash": "of a test bed whose flows are not stated",
    "aster_int": "of a test bed whose flows are not stated",
    "prime_perm": _GAIN,
    "prime_tail": _GAIN,
}


def stack_of(row: Row, file: RowFile) -> str:
    """Return the transport of a row."""
    return str(file.conditions(row).get("transport") or "")


def predict(row: Row, file: RowFile) -> list[Prediction]:
    """Predict every figure of a row, or say why not."""
    row = file.conditions(row)
    slug, stack = str(row.get("slug") or ""), str(row.get("transport") or "")
    metrics: dict[str, Any] = row["measured"]
    if slug == "ndp":
        return [
            _prediction(row, "incast_overhead_pct", _incast_overhead_pct(), metrics.get("incast_overhead_pct"), "NDP")
        ]
    if slug in _REASONS:
        return [unsupported(row, _REASONS[slug], metric=metric, measured=_number(v)) for metric, v in metrics.items()]
    try:
        found = _run(row)
    except Inexpressible as why:
        return [unsupported(row, str(why), metric=m, measured=_number(v), stack=stack) for m, v in metrics.items()]
    return [_one(row, metric, value, found, stack) for metric, value in metrics.items()]


def _one(row: Row, metric: str, value: Any, found: dict[str, float], stack: str) -> Prediction:
    """Predict one figure of a row that has been run."""
    measured = _number(value)
    if metric.endswith("_bound_us"):
        reason = f"{_BOUND}; predicted {found['tail_fct_us']:.1f} us"
    elif metric not in found:
        reason = "the suite does not predict this"
    elif metric == "packets_retransmitted" and max(found[metric], measured or 0) < _CHANCE * found["packets_new"]:
        reason = f"so few are chance, of {found['packets_new']:,.0f}; predicted {found[metric]:,.0f}"
    else:
        return _prediction(row, metric, found[metric], value, stack)
    return unsupported(row, reason, metric=metric, measured=measured, stack=stack)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _prediction(row: Row, metric: str, predicted: float, measured: Any, stack: str) -> Prediction:
    return Prediction(str(row["id"]), metric, predicted, _number(measured), stack=stack, op=str(row.get("matrix", "")))


def _run(row: Row) -> dict[str, float]:
    """Simulate a row; medians over its seeds, which run at once: compiled code holds no lock."""
    first = case_of(row)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_AT_ONCE)) as pool:
        cases = pool.map(lambda seed: first if seed == 0 else case_of(row, seed), range(first.seeds))
        runs = list(pool.map(_figures, cases))
    return {metric: float(np.median([run[metric] for run in runs])) for metric in runs[0]}


def _figures(case: Case) -> dict[str, float]:
    simulation = Simulation(case.network, case.transport, case.flows)
    simulation.run()
    senders = simulation.tables["senders"]
    end_us, fct_us = senders.end_ps / 1e6, (senders.end_ps - senders.start_ps) / 1e6
    return {
        "min_fct_us": float(end_us.min()),
        "tail_fct_us": float(end_us.max()),
        "mean_fct_us": float(fct_us.mean()),
        "p50_fct_us": float(np.percentile(fct_us, 50)),
        "p99_fct_us": float(np.percentile(fct_us, 99)),
        "packets_new": float(simulation.world.new_packets),
        "packets_retransmitted": float(senders.again.sum()),
    }


def _incast_overhead_pct() -> float:
    """By how much 100 senders of 450 kB to one receiver take longer than its link needs, trimmed and receiver-driven.

    M. Handley et al., NDP, SIGCOMM 2017, figure 16: incasts of 1 to 100 flows complete within 1 % of the optimum.
    """
    row = {
        "traffic": "100 to 1 incast, 450 kB each",
        "n_hosts": 128,
        "link_Gbps": 100,
        "topology": "3-tier fat tree",
        "transport": "NDP",
        "load_balancing": "oblivious",
    }
    case = case_of(row)
    packets = -(-450_000 // (case.transport.mtu_bytes - case.transport.header_bytes))
    wire = 450_000 + packets * case.transport.header_bytes
    floor_us = 100 * wire / 12.5e9 * 1e6
    return (_figures(case)["tail_fct_us"] / floor_us - 1) * 100
