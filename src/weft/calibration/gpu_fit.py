"""From measured kernel times to the constants of the kernel model, with confidence intervals.

One fit over all rows at once (`weft.calibration.fit`), since the launch time is shared by every kernel, and the
small-tile fraction by all precisions. The model follows copies more closely than products, so each kind of kernel is
first fitted alone: how well that goes is its rows' standard deviation, by which their residuals are divided in the fit
of all. A device may be far from the generation that its fit starts from, so the fit itself expects a factor of 20
either way; but a constant is taken only where its standard deviation is at most half of what was plausible beforehand,
or of how far it is from the catalog's value. What the rows cannot tell, such as FP8 where none was measured, stays at
the catalog's value, and the rest is fitted again.

Small products (fewer than 512 rows, or a side below 256) are predicted but not fitted: libraries switch to kernels
there that share an output's sum among multiprocessors, which the model does not know. On published times of A100,
fitting them too takes the median error of the others from 5 to 8 %.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.calibration.fit import Fitted, fit
from weft.calibration.gpu_constants import GpuConstant, constants_for
from weft.calibration.gpu_measurements import Measurement, read_measurements
from weft.calibration.gpu_model import GpuModel
from weft.catalog import Catalog, Part, load_catalog
from weft.errors import ConfigError
from weft.fabric.lookup import named_part
from weft.workload.roofline import generation_of

_Z95 = 1.96
_LEAST_ROWS = 8
_LEAST_SD = 0.01
_FAR = 3.0
_IDENTIFIED = 0.5
_SMALL = "small gemm, not fitted"
_KIND = {"copy": "stream", "elementwise": "stream", "cast": "cast", "attention": "attention"}

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GpuEstimate:
    """A constant after the fit: value and 95 % interval, as written in the catalog (not SI).

    ``identified`` is False where the measurements do not tell; then ``value`` is the catalog's.
    """

    constant: GpuConstant
    value: float
    low: float
    high: float
    identified: bool


@dataclass(frozen=True)
class GpuCalibration:
    """What the kernel times of one accelerator say.

    Attributes:
        accelerator: its catalog part.
        base: the `kernels` part that the fit started from.
        estimates: every constant, fitted or held.
        rows: the measurements that there are a rate and constants for.
        skipped: how many others there were: the catalog has no rate or no constants at their precision.
        error: float64[rows], predicted over measured, less one, with the fitted constants.
        error_before: the same with the catalog's.
        multiprocessors: of the device; the catalog's where the measurements do not say.
    """

    accelerator: Part
    base: Part
    estimates: tuple[GpuEstimate, ...]
    rows: tuple[Measurement, ...]
    skipped: int
    error: Floats
    error_before: Floats
    multiprocessors: int

    def median_errors(self) -> dict[str, tuple[int, float, float]]:
        """By group of kernels: how many rows, and their median |error| with the catalog's constants and with these."""
        groups = np.array([_group(row) for row in self.rows])
        return {
            group: (
                int((groups == group).sum()),
                float(np.median(np.abs(self.error_before[groups == group]))),
                float(np.median(np.abs(self.error[groups == group]))),
            )
            for group in dict.fromkeys(groups.tolist())
        }


def calibrate_gpu(
    measurements: str | os.PathLike[str] | Sequence[Measurement],
    accelerator: str,
    *,
    like: str | None = None,
    catalog: Catalog | None = None,
) -> GpuCalibration:
    """Fit the kernel model of an accelerator to its measured kernel times.

    Args:
        measurements: a table that `weft calibrate gpu` wrote, or its rows.
        accelerator: the accelerator's part id, such as ``"h100_sxm"``.
        like: the `kernels` part to start from; the accelerator's own if None.
        catalog: the catalog in use; Weft's own if None.

    Raises:
        UnknownName: no such accelerator or `kernels` part.
        ConfigError: the table is wrong, or has too few rows that can be fitted.
    """
    catalog = load_catalog() if catalog is None else catalog
    part = named_part(catalog, "accelerators", accelerator, "accelerator")
    base = catalog.get("kernels", like) if like else _own(catalog, part)
    everything = read_measurements(measurements) if isinstance(measurements, str | os.PathLike) else tuple(measurements)
    every = constants_for(catalog, base)
    known = {constant.name for constant in every}
    rows = tuple(row for row in everything if _predictable(row, part, known))
    fitted_rows = np.array([_group(row) != _SMALL for row in rows], bool)
    if fitted_rows.sum() < _LEAST_ROWS:
        raise ConfigError(
            f"{fitted_rows.sum()} measurements can be fitted to {base.id}'s constants; it takes at least {_LEAST_ROWS}",
            file=os.fspath(measurements) if isinstance(measurements, str | os.PathLike) else None,
        )
    multiprocessors = rows[0].multiprocessors or round(base.si("multiprocessors_count"))
    model = GpuModel(rows, part, base, multiprocessors)
    measured = np.array([row.median_us + row.backward_us for row in rows]) * 1e-6
    fitted = _fit(model, measured, every, np.flatnonzero(fitted_rows))
    estimates = tuple(fitted.get(constant.name) or _held(constant) for constant in every)
    before, after = (
        model.seconds(values) / measured - 1.0
        for values in (
            {constant.name: constant.start_si for constant in every},
            {each.constant.name: each.constant.start_si * each.value / each.constant.start for each in estimates},
        )
    )
    return GpuCalibration(part, base, estimates, rows, len(everything) - len(rows), after, before, multiprocessors)


def _group(row: Measurement) -> str:
    if row.operation != "gemm":
        return row.operation
    return _SMALL if row.m < 512 or min(row.n, row.k) < 256 else f"gemm {row.precision}"


def _fit(model: GpuModel, measured: Floats, every: Sequence[GpuConstant], rows: Places) -> dict[str, GpuEstimate]:
    """The constants that some of the rows tell, by name."""
    start = {constant.name: constant.start_si for constant in every}
    kinds = np.array([_KIND.get(row.operation, f"gemm {row.precision}") for row in model.rows])[rows]
    sd = np.ones(len(measured))
    for kind in np.unique(kinds):
        at = rows[kinds == kind]
        told = [constant for constant in every if _matters(model, start, constant.name, at)]
        noise = _solve(model, measured, start, told, at, np.ones(len(at))).noise
        sd[at] = max(_LEAST_SD, noise * math.sqrt(len(at) / max(1, len(at) - len(told))))
    told = [constant for constant in every if _matters(model, start, constant.name, rows)]
    while told:
        fitted = _solve(model, measured, start, told, rows, sd[rows])
        known = np.maximum([each.prior_sd for each in told], np.abs(fitted.log_factor))
        spread = np.where(fitted.identified, fitted.sd, math.inf) / known
        if spread.max() <= _IDENTIFIED:
            outcomes = zip(told, fitted.log_factor, fitted.sd, strict=True)
            return {each.name: _estimate(each, float(x), float(sd)) for each, x, sd in outcomes}
        del told[int(spread.argmax())]
    return {}


def _solve(
    model: GpuModel, measured: Floats, start: dict[str, float], told: list[GpuConstant], at: Places, sd: Floats
) -> Fitted:
    """Fit some constants to some rows of known relative standard deviations."""

    def predict(log_factor: Floats) -> Floats:
        factors = zip(told, np.exp(log_factor), strict=True)
        values = start | {each.name: each.start_si * float(factor) for each, factor in factors}
        return np.asarray(measured[at] * (model.seconds(values)[at] / measured[at]) ** (1.0 / sd))

    alone = np.zeros(len(at), bool)
    return fit(predict, measured[at], alone, [_FAR] * len(told), [each.most for each in told])


def _matters(model: GpuModel, start: dict[str, float], name: str, at: Places) -> bool:
    """Whether any of the rows' predictions moves with a constant, near where it is or far."""
    now = model.seconds(start)[at]
    return any(not np.array_equal(now, model.seconds(start | {name: start[name] * x})[at]) for x in (0.1, 0.5, 1.1))


def _own(catalog: Catalog, accelerator: Part) -> Part:
    try:
        return catalog.get("kernels", generation_of(catalog, accelerator))
    except ConfigError:
        known = ", ".join(part.id for part in catalog.parts("kernels"))
        raise ConfigError(
            f"{accelerator.id} has no kernel constants to start from; name the generation most like it: {known}",
            field="--like",
        ) from None


def _predictable(row: Measurement, accelerator: Part, known: set[str]) -> bool:
    """Whether there are a rate and constants for a row."""
    prefix = "fp8" if row.precision == "fp8" else "bf16"
    if row.operation.endswith("gemm"):
        return f"{prefix}_gemm_frac" in known and accelerator.has(f"{prefix}_dense_tflops")
    if row.operation == "attention":
        return f"{row.kernel}.hd{row.head_dim}_frac" in known
    return row.operation != "cast" or "fp8_cast_frac" in known


def _held(constant: GpuConstant) -> GpuEstimate:
    return GpuEstimate(constant, constant.start, constant.start, constant.start, False)


def _estimate(constant: GpuConstant, log_factor: float, sd: float) -> GpuEstimate:
    ends = [math.exp(min(log_factor + z * sd, math.log(constant.most))) for z in (-_Z95, 0.0, _Z95)]
    low, value, high = (constant.start * end for end in ends)
    return GpuEstimate(constant, value, low, high, True)
