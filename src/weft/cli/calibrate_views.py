"""What ``weft calibrate`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.report.terminal import Column, table

if TYPE_CHECKING:
    from weft.calibration import Calibration, Errors, Outcome

SCHEMA = "weft.calibrate/1"


def calibration_json(found: Calibration) -> dict[str, Any]:
    """The answer for machines."""
    from weft.calibration import overlay_of

    return {
        "schema": SCHEMA,
        "library": found.library.name,
        "logs": [
            {"path": log.path, "kind": log.kind, "ranks": log.ranks, "hosts": log.hosts, "rows": len(log.rows)}
            for log in found.logs
        ],
        "rows": found.rows,
        "error_before": _errors(found.before),
        "error_after": _errors(found.after),
        "noise_log": found.noise,
        "constants": [
            {
                "part": outcome.constant.part,
                "label": outcome.constant.label,
                "facts": list(outcome.constant.facts),
                "identified": outcome.identified,
                "factor": outcome.factor,
                "factor_low": outcome.low,
                "factor_high": outcome.high,
                "why_held": outcome.why_held,
            }
            for outcome in found.outcomes
        ],
        "overlay": overlay_of(found),
    }


def _errors(errors: Errors) -> dict[str, float]:
    return {"median_abs_error": errors.median, "p90_abs_error": errors.p90, "bias": errors.bias}


def calibration_text(found: Calibration) -> str:
    """The answer for people: what was read, how far off predictions were and are, each constant."""
    logs = [[log.path, log.kind, log.ranks, log.hosts or "", len(log.rows)] for log in found.logs]
    columns = [
        Column("log", shrinks=True),
        Column("collective"),
        Column("ranks", right=True),
        Column("hosts", right=True),
        Column("rows", right=True),
    ]
    errors = [
        [name, f"{each.median:.1%}", f"{each.p90:.1%}", f"{each.bias:+.1%}"]
        for name, each in (("the catalog's constants", found.before), ("these", found.after))
    ]
    by_errors = [Column("with")] + [Column(name, right=True) for name in ("median |error|", "p90 |error|", "bias")]
    told = [outcome for outcome in found.outcomes if outcome.identified]
    held = [outcome for outcome in found.outcomes if not outcome.identified]
    sections = [table(columns, logs), table(by_errors, errors)]
    if told:
        heads = [Column("fitted"), Column("part"), Column("catalog", right=True), Column("now", right=True)]
        heads.append(Column("95 % confidence", right=True))
        sections.append(table(heads, [_line(found, outcome) for outcome in told]))
    else:
        sections.append(
            "These logs tell no constant: the closed forms follow them too poorly, or they have too few rows."
        )
    if held:
        sections.append(
            table(
                [Column("held at the catalog's value"), Column("part"), Column("why")],
                [[outcome.constant.label, outcome.constant.part, outcome.why_held] for outcome in held],
            )
        )
    return "\n\n".join(sections)


def _line(found: Calibration, outcome: Outcome) -> list[str]:
    """A constant by its first fact; the others move with it."""
    constant = outcome.constant
    fact = constant.facts[-1] if len(constant.facts) == 3 else constant.facts[0]
    was = found.parts[constant.part].fact(fact).typical
    unit = " us" if fact.endswith("_us") else ""
    also = f" ({fact} and {len(constant.facts) - 1} more)" if len(constant.facts) > 1 else f" ({fact})"
    values = (was, was * outcome.factor, was * outcome.low, was * outcome.high)
    catalog, now, low, high = (f"{value:.3g}" for value in values)
    return [constant.label + also, constant.part, catalog + unit, now + unit, f"{low} to {high}"]
