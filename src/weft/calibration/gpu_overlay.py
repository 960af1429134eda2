"""A calibration as catalog overlays: one file of `kernels`, and one of `attention` where that was measured.

Under the generation's own id the overlays change only what the measurements tell, for every accelerator of that
generation. Under a new id they are a generation of its own for this accelerator alone: it extends the one it started
from, holds all of its constants, and so lasts where that one changes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from weft.calibration.gpu_fit import GpuCalibration, GpuEstimate
from weft.errors import ConfigError
from weft.files import write_atomically

_SOURCE = "gpu_calibration"


def write_overlays(
    calibration: GpuCalibration, folder: str | os.PathLike[str], *, name: str | None = None
) -> list[Path]:
    """Write ``folder/kernels.yaml`` and, where attention was measured, ``folder/attention.yaml``; return the files.

    Args:
        calibration: what was fitted.
        folder: where to; made where it is missing.
        name: id of a new generation for this accelerator; None changes the one it started from.

    Raises:
        ConfigError: they cannot be written, or the name cannot be an id.
    """
    if name is not None and not (name.isidentifier() and name.isascii()):
        raise ConfigError(f"expected a name of letters, digits and underscores, read {name[:40]!r}", field="--name")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made a folder: {error.strerror or error}", file=str(folder)) from None
    written = []
    for kind, parts in (("kernels", [_kernels(calibration, name)]), ("attention", _attention(calibration, name))):
        if parts:
            path = target / f"{kind}.yaml"
            document = {"kind": kind, "sources": {_SOURCE: _source(calibration)}, "parts": parts}
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
            write_atomically(path, text.encode())
            written.append(path)
    return written


def _source(calibration: GpuCalibration) -> dict[str, str]:
    row = calibration.rows[0]
    on = row.device or calibration.accelerator.id
    errors = ", ".join(f"{group} {error:.1%}" for group, (_, _, error) in calibration.median_errors().items())
    return {
        "title": f"weft calibrate gpu on {on}" + (f", {row.software}" if row.software else ""),
        "kind": "measured",
        "note": f"{len(calibration.rows)} kernels; median errors of the fit: {errors}",
    }


def _kernels(calibration: GpuCalibration, name: str | None) -> dict[str, Any]:
    base = calibration.base
    accelerators = list(base.plain.get("accelerators", ()))
    part: dict[str, Any] = {"id": name or base.id}
    if name is not None:
        part |= {
            "name": f"{calibration.accelerator.id} as measured",
            "extends": base.id,
            "accelerators": [calibration.accelerator.id],
            "source": _SOURCE,
            "confidence": "measured",
        }
        part |= {
            fact: {
                "low": value.low,
                "typical": value.typical,
                "high": value.high,
                "src": list(value.sources),
                "conf": value.confidence,
            }
            for fact, value in base.facts.items()
        }
    elif calibration.accelerator.id not in accelerators:
        part["accelerators"] = [*accelerators, calibration.accelerator.id]
    if calibration.multiprocessors != round(base.si("multiprocessors_count")):
        part["multiprocessors_count"] = {"value": calibration.multiprocessors, "src": _SOURCE, "conf": "measured"}
    part |= {
        each.constant.fact: _fact(each)
        for each in calibration.estimates
        if each.identified and each.constant.part == base.id
    }
    return part


def _attention(calibration: GpuCalibration, name: str | None) -> list[dict[str, Any]]:
    """Kernels of which anything was measured: a generation has either all constants of a kernel or none."""
    generation, parts = name or calibration.base.id, []
    kernels = dict.fromkeys(each.constant.part for each in calibration.estimates)
    for kernel in kernels:
        own = [each for each in calibration.estimates if each.constant.part == kernel]
        if kernel != calibration.base.id and any(each.identified for each in own):
            parts.append({"id": kernel, **{f"{generation}_{each.constant.fact}": _fact(each) for each in own}})
    return parts


def _fact(estimate: GpuEstimate) -> dict[str, Any]:
    low, value, high = (float(f"{each:.4g}") for each in (estimate.low, estimate.value, estimate.high))
    said = {"low": low, "typical": value, "high": high, "src": _SOURCE, "conf": "measured", "derived": True}
    if not estimate.identified:
        said |= {"src": "own_est", "conf": "estimate", "note": "not told by the measurements; the catalog's value"}
    return said
