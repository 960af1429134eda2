"""The cable schedule with the ports' names and a label for either end, as CSV or an Excel workbook.

A label says where its own end is plugged in and where the other goes: ``leaf0 swp3 <> spine0 swp1``. A cable that
carries several links names the first port of each end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from weft.errors import ConfigError
from weft.export.xlsx import Cell, to_xlsx
from weft.fabric import Fabric
from weft.fabric.cabling.schedule import COLUMNS, cable_schedule
from weft.underlay import Underlay, build_underlay

Row = tuple[Cell, ...]

HEADING = (*COLUMNS, "from_hostname", "from_interface", "to_hostname", "to_interface", "from_label", "to_label")


def cabling_rows(fabric: Fabric, underlay: Underlay | None = None) -> list[Row]:
    """Return the schedule's rows below `HEADING`; interface and label are empty where the underlay has no such port.

    Args:
        fabric: whose cables.
        underlay: its underlay, if it is at hand; default: built where the fabric has one.
    """
    schedule = cable_schedule(fabric)
    ends = _ends(underlay if underlay is not None else _underlay(fabric))
    columns = [schedule.columns[name] for name in COLUMNS]
    rows = []
    for cable, row in zip(schedule.cable.tolist(), zip(*columns, strict=True), strict=True):
        (a, a_port), (b, b_port) = ends.get(2 * cable, ("", "")), ends.get(2 * cable + 1, ("", ""))
        near, far = f"{a} {a_port}".strip(), f"{b} {b_port}".strip()
        labels = (f"{near} <> {far}", f"{far} <> {near}") if near and far else ("", "")
        rows.append((*row, a, a_port, b, b_port, *labels))
    return rows


def cabling_csv(rows: Sequence[Row]) -> str:
    """Return the schedule as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADING)
    writer.writerows(rows)
    return text.getvalue()


def cabling_xlsx(rows: Sequence[Row]) -> bytes:
    """Return the schedule as an Excel workbook.

    Raises:
        ConfigError: Excel has fewer rows than there are cables.
    """
    return to_xlsx("cables", HEADING, rows)


def _underlay(fabric: Fabric) -> Underlay | None:
    try:
        return build_underlay(fabric)
    except ConfigError:  # cables can be pulled where nothing is routed
        return None


def _ends(underlay: Underlay | None) -> dict[int, tuple[str, str]]:
    """Return hostname and port at the ends of each cable: even keys the lower end's, odd ones the upper's."""
    found: dict[int, tuple[str, str]] = {}
    if underlay is None:
        return found
    nodes, links = underlay.fabric.nodes, underlay.fabric.links
    lower = links.src[::2].tolist()
    parent = nodes.parent.tolist()
    for device in underlay.devices:
        for port in device.ports:
            row = lower[port.cable]
            is_lower = row == device.row or parent[row] == device.row
            found[2 * port.cable + (not is_lower)] = (device.hostname, port.name)
    return found
