"""A calibration as a catalog overlay: the facts that were identified, with their confidence intervals."""

from __future__ import annotations

import os
from typing import Any

import yaml

from weft.calibration.nccl import Calibration
from weft.files.writing import write_atomically


def overlay_of(calibration: Calibration) -> dict[str, Any]:
    """The overlay as plain data: low, typical and high of every fact that the logs tell."""
    logs = len(calibration.logs)
    note = f"fitted to {calibration.rows} rows of {logs} log{'s' if logs > 1 else ''}; low and high: 95 % confidence"
    parts: dict[str, dict[str, Any]] = {}
    for outcome in calibration.outcomes:
        if not outcome.identified:
            continue
        constant = outcome.constant
        part = calibration.parts[constant.part]
        for fact in constant.facts:
            was = part.fact(fact).typical
            low, typical, high = (_short(was * by) for by in (outcome.low, outcome.factor, outcome.high))
            entry = parts.setdefault(part.id, {"id": part.id})
            entry[fact] = {"low": min(low, typical), "typical": typical, "high": max(high, typical), "note": note}
    return {
        "kind": "libraries",
        "about": "Constants of the collective library on one cluster, fitted to its own logs by weft calibrate nccl",
        "parts": list(parts.values()),
    }


def write_overlay(calibration: Calibration, path: str | os.PathLike[str]) -> None:
    """Write the overlay as a file that a cluster's ``catalog:`` list can name.

    Raises:
        ConfigError: the file cannot be written.
    """
    text = yaml.safe_dump(overlay_of(calibration), sort_keys=False, allow_unicode=True, width=120)
    write_atomically(path, text)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
