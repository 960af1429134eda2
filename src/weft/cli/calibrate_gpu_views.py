"""What ``weft calibrate gpu`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.report.terminal import Column, table

if TYPE_CHECKING:
    from weft.calibration.gpu_fit import GpuCalibration

SCHEMA = "weft.calibrate.gpu/1"


def gpu_json(found: GpuCalibration) -> dict[str, Any]:
    """The answer for machines."""
    return {
        "schema": SCHEMA,
        "accelerator": found.accelerator.id,
        "generation": found.base.id,
        "device": found.rows[0].device,
        "multiprocessors": found.multiprocessors,
        "rows": len(found.rows),
        "skipped": found.skipped,
        "kernels": _errors(found),
        "constants": [
            {
                "part": each.constant.part,
                "fact": each.constant.fact,
                "identified": each.identified,
                "catalog": each.constant.start,
                "value": each.value,
                "low": each.low,
                "high": each.high,
            }
            for each in found.estimates
        ],
    }


def _errors(found: GpuCalibration) -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "rows": count,
            "median_abs_error_before": before,
            "median_abs_error_after": after,
        }
        for group, (count, before, after) in found.median_errors().items()
    ]


def gpu_text(found: GpuCalibration) -> str:
    """The answer for people: how far off predictions were and are, then each constant."""
    named = found.rows[0].device or "measured times"
    head = f"{named} as {found.accelerator.id}, from the constants of {found.base.id}: {len(found.rows)} kernels"
    if found.skipped:
        head += f", {found.skipped} more have no rate or constants to start from"
    errors = table(
        [
            Column("kernels"),
            Column("rows", right=True),
            Column("median |error|, catalog", right=True),
            Column("fitted", right=True),
        ],
        [
            [
                each["group"],
                each["rows"],
                f"{each['median_abs_error_before']:.1%}",
                f"{each['median_abs_error_after']:.1%}",
            ]
            for each in _errors(found)
        ],
    )
    columns = [Column("constant"), Column("part"), Column("catalog", right=True), Column("fitted", right=True)]
    rows = [
        [
            each.constant.fact,
            each.constant.part,
            f"{each.constant.start:.4g}",
            f"{each.value:.4g}" if each.identified else "held",
            f"{each.low:.4g} to {each.high:.4g}" if each.identified else "not told by the measurements",
        ]
        for each in found.estimates
    ]
    return "\n\n".join([head, errors, table([*columns, Column("95 % confidence", right=True)], rows)])
