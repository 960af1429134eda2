"""The nccl suite: rows of published nccl-tests (and rccl-tests) logs against `weft.collectives.estimate`.

Rates are compared where they are printed with enough digits, times where they are not: a log's ``0.03`` GB/s says
little.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from weft.collectives import Estimate, Library, canonical, estimate, library_for, load_library
from weft.errors import UnknownName, WeftError
from weft.validation.nccl_fabric import build_group
from weft.validation.nccl_setup import UnsupportedError, checked_size, noted_size, read_setup
from weft.validation.rows import Prediction, Row, RowFile, unsupported

#: Sizes behind a busbw given without one: published figures are the plateau.
_PLATEAU_BYTES = 8 * 2**30
#: Below this a busbw printed to 0.01 GB/s has too few digits to compare.
_LEAST_GBPS = 1.0

_RATES: dict[str, Callable[[Estimate], float]] = {
    "busbw_GBps": lambda e: e.busbw_Bps / 1e9,
    "busbw_inplace_GBps": lambda e: e.busbw_Bps / 1e9,
    "busbw_peak_GBps": lambda e: e.busbw_Bps / 1e9,
    "busbw_Gbps": lambda e: e.busbw_Bps * 8 / 1e9,
    "algbw_GBps": lambda e: e.algbw_Bps / 1e9,
}
_TIMES: dict[str, Callable[[Estimate], float]] = {
    "time_us": lambda e: e.time_s * 1e6,
    "time_inplace_us": lambda e: e.time_s * 1e6,
}
_RANGES = (("busbw_low_GBps", "busbw_high_GBps"),)
_ALGORITHMS = {"ring": "ring", "nvls": "in_network", "nvlstree": "in_network", "tree": "tree", "non-sharp": "ring"}
_THROUGH_TORCH = re.compile(r"torch\.distributed|torch \d|all_reduce_bench", re.IGNORECASE)
_NOT_COLLECTIVES = {
    "p2p_copy": "a plain device-to-device copy, not a library's collective",
    "host_device_copy": "a copy between host and device; the host isn't modelled",
    "deepep": "DeepEP's own dispatch and combine kernels, not NCCL",
    "ib_write": "a verbs benchmark of one NIC, not a collective",
    "p2p_": "a message between CPUs or NICs, not a collective",
}


def predict(row: Row, file: RowFile) -> list[Prediction]:
    """Predict what a row measured: one prediction, or one per collective where the row has several.

    Rows that can't be expressed come back as ``unsupported`` with the reason.
    """
    row = file.conditions(row)
    kinds = str(row.get("op") or "").split("+")
    found = []
    for kind in kinds:
        try:
            found.append(_predict(row, kind, several=len(kinds) > 1))
        except (UnsupportedError, WeftError) as error:
            found.append(unsupported(row, str(error), accelerator=str(row.get("accel") or "")))
    return found


def stack_of(row: Row, file: RowFile) -> str:
    """The library that a row's collectives ran in; empty where that is not said."""
    try:
        return library_for(read_setup(file.conditions(row)).accelerator)
    except (UnsupportedError, WeftError):
        return ""


def _predict(row: Row, op: str, *, several: bool) -> Prediction:
    kind = _kind(op)
    setup = read_setup(row)
    size = checked_size(row.get("size_B")) or noted_size(row)
    metric, measured, convert = _metric(row["measured"], f"{op}_" if several else "")
    if size is None and metric in _TIMES:
        raise UnsupportedError("the size is not stated")
    library = load_library(library_for(setup.accelerator))
    group = build_group(setup)
    answer = estimate(kind, size or _PLATEAU_BYTES, group, library=library, algorithm=_algorithm(row, kind))
    answer = _issued(answer, row, library)
    return Prediction(
        str(row.get("id", "")),
        metric,
        convert(answer),
        measured,
        source=str(row.get("source", "")),
        stack=library.name,
        accelerator=setup.accelerator,
        op=kind,
        size_bytes=size,
    )


def _kind(op: str) -> str:
    if not op:
        raise UnsupportedError("the row names no operation")
    try:
        return canonical(op)
    except UnknownName:
        lowered = op.lower()
        for word, reason in _NOT_COLLECTIVES.items():
            if lowered.startswith(word):
                raise UnsupportedError(reason) from None
        raise UnsupportedError(f"{op} is not one of the seven collectives") from None


def _metric(measured: dict[str, Any], prefix: str) -> tuple[str, float, Callable[[Estimate], float]]:
    """Which measured value to compare with: a rate with enough digits, else a time, else any rate."""
    values = {key: float(v) for key, v in measured.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    rates = [(prefix + key, convert) for key, convert in _RATES.items() if prefix + key in values]
    times = [(prefix + key, convert) for key, convert in _TIMES.items() if prefix + key in values]
    for low, high in _RANGES:
        if low in values and high in values:
            return low.replace("low_", ""), (values[low] + values[high]) / 2, _RATES["busbw_GBps"]
    sharp = [entry for entry in rates if values[entry[0]] >= _LEAST_GBPS]
    for key, convert in sharp + times + rates:
        if values[key] > 0:
            return key, values[key], convert
    raise UnsupportedError(f"none of the measured values can be predicted: {', '.join(measured) or 'there is none'}")


def _algorithm(row: Row, kind: str) -> str:
    """The algorithm the row forces, as its first word says; ``auto`` where it says none."""
    words = str(row.get("algo") or "").lower().split()
    if not words:
        return "auto"
    if words[0] not in _ALGORITHMS:
        raise UnsupportedError(f"the algorithm {row['algo']!r} is not modelled")
    return _ALGORITHMS[words[0]]


def _issued(answer: Estimate, row: Row, library: Library) -> Estimate:
    """A call through PyTorch takes the host some time to issue, however fast the network is."""
    if not _THROUGH_TORCH.search(str(row.get("lib") or "")):
        return answer
    return answer.at_least(library.torch_issue_s)
