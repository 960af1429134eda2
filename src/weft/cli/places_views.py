"""What ``weft fabric cable``, ``check`` and ``plan`` print: for people and for machines."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from weft.fabric import Domain, Fabric, LinkClass
from weft.fabric.cabling import LinkPart, link_parts, link_quality
from weft.fabric.cabling.schedule import COLUMNS, Schedule
from weft.fabric.checks import RULES, Finding
from weft.report.terminal import Column, pairs, style, table
from weft.units import format_count, format_power, format_rate

if TYPE_CHECKING:
    from weft.fabric.placement import Placement


def placement_json(placement: Placement | None) -> dict[str, Any] | None:
    """Return what a placement takes, or None."""
    if placement is None:
        return None
    return {
        "racks": placement.racks,
        "racks_by_use": placement.racks_by_use,
        "rows": placement.rows,
        "halls": placement.halls,
        "sites": placement.sites,
        "nodes_per_rack": placement.nodes_per_rack,
        "binding": placement.binding,
        "cooling": placement.cooling,
        "rack_power_w": float(placement.rack_power_w.max()),
        "rack_power_limit_w": placement.rack_power_limit_w,
    }


def placement_lines(placement: Placement) -> list[tuple[str, str]]:
    """Return the same for people, as names and values."""
    use = {name: format_count(count) for name, count in placement.racks_by_use.items()}
    racks = f"{format_count(placement.racks)} ({use['nodes']} with nodes, {use['network']} network)"
    counts = (("row", placement.rows), ("hall", placement.halls), ("site", placement.sites))
    floor = ", ".join(f"{format_count(count)} {what}{'' if count == 1 else 's'}" for what, count in counts)
    full = "part of one node"
    if placement.nodes_per_rack:
        full = f"{placement.nodes_per_rack} nodes, {placement.binding} binds"
    limit = f"{format_power(placement.rack_power_limit_w)}, {placement.floor.rack_units} units, {placement.cooling}"
    return [("racks", racks), ("floor", floor), ("a full rack", full), ("a rack gives", limit)]


def cable_groups(schedule: Schedule) -> list[dict[str, Any]]:
    """Return the schedule added up by class, media and length."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns = schedule.columns
    names = ("link_class", "rate_Bps", "medium", "to_medium", "length_m")
    for row, links in zip(zip(*(columns[name] for name in names), strict=True), schedule.links.tolist(), strict=True):
        group = groups.setdefault(row, {**dict(zip(names, row, strict=True)), "rows": 0, "links": 0})
        group["rows"] += 1
        group["links"] += links
    return sorted(groups.values(), key=lambda group: tuple(group[name] for name in names))


def cable_json(fabric: Fabric, schedule: Schedule) -> dict[str, Any]:
    """Return ``weft fabric cable --json``: the schedule added up, and the parts to order."""
    return {
        "schema": "weft.cable/1",
        "name": fabric.name,
        "placement": placement_json(fabric.placement),
        "links": int(schedule.links.sum()),
        "rows": len(schedule),
        "groups": cable_groups(schedule),
        "parts": [_part_json(part) for part in link_parts(fabric)],
        "media": [_media_json(fabric, link) for link in fabric.link_classes if link.domain >= Domain.SCALE_OUT],
        "columns": list(COLUMNS),
    }


def _media_json(fabric: Fabric, link: LinkClass) -> dict[str, Any]:
    """Return what follows from the medium of one class of links; null where the catalog does not say."""
    quality = link_quality(fabric.catalog, link)
    return {
        "link_class": link.name,
        "domain": link.domain.label,
        "medium": link.medium,
        "to_medium": link.upper_medium or link.medium,
        "length_m": link.length_m,
        "links": link.cables,
        "crossing_s": quality.crossing_s,
        "fit": quality.fit,
        "bit_errors": quality.bit_errors,
        "error_correction": quality.error_correction,
        "error_limit": quality.error_limit,
    }


def _part_json(part: LinkPart) -> dict[str, Any]:
    return {
        "kind": part.kind,
        "medium": part.medium,
        "count": part.count,
        "links": part.links,
        "use": part.use,
        "domain": part.domain.label,
        "length_m": part.length_m,
    }


def cable_text(fabric: Fabric, schedule: Schedule) -> str:
    """Return ``weft fabric cable`` for people: what to order, by class, medium and length."""
    columns = [Column("links"), Column("rate", right=True), Column("medium", shrinks=True)]
    columns += [Column(name, right=True) for name in ("length", "cables, fibres", "links served")]
    rows = [
        (
            group["link_class"],
            format_rate(group["rate_Bps"]),
            group["medium"] + (f" / {group['to_medium']}" if group["to_medium"] != group["medium"] else ""),
            f"{group['length_m']:g} m",
            format_count(group["rows"]),
            format_count(group["links"]),
        )
        for group in cable_groups(schedule)
    ]
    modules: dict[str, int] = {}
    for part in link_parts(fabric):
        if part.kind == "module":
            modules[part.medium] = modules.get(part.medium, 0) + part.count
    head = [] if fabric.placement is None else placement_lines(fabric.placement)
    head.append(("cables", f"{format_count(len(schedule))} rows for {format_count(int(schedule.links.sum()))} links"))
    head += [("modules", f"{format_count(count)} x {medium}") for medium, count in modules.items()]
    title = style(f"{fabric.name}: cables", "bold")
    return "\n\n".join([title + "\n" + pairs(head), table(columns, rows)])


def cable_csv(schedule: Schedule) -> str:
    """Return the whole schedule as CSV, units in the column names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(*(schedule.columns[name] for name in COLUMNS), strict=True))
    return text.getvalue()


def check_json(fabric: Fabric, findings: list[Finding]) -> dict[str, Any]:
    """Return ``weft fabric check --json``."""
    errors = sum(finding.severity == "error" for finding in findings)
    return {
        "schema": "weft.check/1",
        "name": fabric.name,
        "rules": list(RULES),
        "errors": errors,
        "warnings": len(findings) - errors,
        "findings": [
            {"rule": f.rule, "severity": f.severity, "where": f.where, "what": f.what, "fix": f.fix} for f in findings
        ],
    }


def check_text(fabric: Fabric, findings: list[Finding]) -> str:
    """Return ``weft fabric check`` for people: one block a finding, then the verdict."""
    colours = {"error": "red", "warning": "yellow"}
    blocks = [
        f"{style(f.severity, colours[f.severity])} {style(f.rule, 'bold')}: {f.where}\n  {f.what}\n  fix: {f.fix}"
        for f in findings
    ]
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    verdict = f"{fabric.name}: {len(RULES)} rules, {errors} errors, {warnings} warnings"
    return "\n\n".join([*blocks, style(verdict, "red" if errors else "green")])
