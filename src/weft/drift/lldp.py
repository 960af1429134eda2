"""Neighbours as switches hear them: ``lldpctl -f json``, or a table of device, port, neighbour and neighbour's port."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from weft.drift.facts import NotReadable
from weft.drift.finding import Finding

Heard = dict[str, tuple[str, str]]  # by port: neighbour, its port
_COLUMNS = ("device", "port", "neighbour", "neighbour_port")


def read_lldpctl(text: str) -> Heard:
    """Return what one switch hears.

    Raises:
        NotReadable: it is not what ``lldpctl -f json`` prints.
    """
    try:
        listed = json.loads(text)["lldp"].get("interface", [])
        pairs = [pair for each in (listed if isinstance(listed, list) else [listed]) for pair in each.items()]
        return {port: (_name(row["chassis"]), _port(row["port"])) for port, row in pairs}
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise NotReadable("it is not what lldpctl -f json prints") from None


def read_csv(text: str) -> dict[str, Heard]:
    """Return by switch what it hears.

    Raises:
        NotReadable: a column is missing.
    """
    rows = csv.DictReader(io.StringIO(text))
    names = {name.strip().lower().replace("neighbor", "neighbour"): name for name in rows.fieldnames or ()}
    missing = [column for column in _COLUMNS if column not in names]
    if missing:
        raise NotReadable(f"it has no column {missing[0]}; it needs {', '.join(_COLUMNS)}")
    found: dict[str, Heard] = {}
    for row in rows:
        device, port, neighbour, far = ((row[names[column]] or "").strip() for column in _COLUMNS)
        heard = found.setdefault(device, {})
        if neighbour:
            heard[port] = (neighbour, far)
    return found


def compare_heard(device: str, heard: Heard, design: Mapping[str, str]) -> Iterator[Finding]:
    """Yield where a switch hears another neighbour than its design has, by port."""
    for port, far in design.items():
        if port not in heard:
            yield Finding("missing-neighbour", device, port, "LLDP hears nobody", far)
            continue
        neighbour, neighbour_port = heard[port]
        name, _, far_port = far.partition(":")
        if neighbour != name or (neighbour_port and neighbour_port != far_port):
            yield Finding("wrong-cable", device, port, f"LLDP hears {neighbour}:{neighbour_port}".rstrip(":"), far)
    for port in sorted(heard.keys() - design.keys()):
        yield Finding("unknown-neighbour", device, port, f"LLDP hears {':'.join(heard[port])}", "no such port")


def _name(chassis: Mapping[str, Any]) -> str:
    """Return a neighbour's name: it is the key, or beside an identifier."""
    if isinstance(chassis.get("name"), str):
        return str(chassis["name"])
    return next(key for key, value in chassis.items() if isinstance(value, dict) and key != "id")


def _port(port: Mapping[str, Any]) -> str:
    """Return the name of a neighbour's port; empty where it tells only a MAC address."""
    identifier = port["id"]
    return str(identifier["value"]) if identifier["type"] in ("ifname", "local") else str(port.get("descr", ""))
