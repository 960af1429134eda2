"""The schedule with ports and labels: read back by other programs, compared with the underlay."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from weft.export.configs.cabling import HEADING, cabling_csv, cabling_rows, cabling_xlsx
from weft.fabric import build_fabric, load_cluster
from weft.underlay import Underlay

Design = Callable[[str], Underlay]


@pytest.mark.parametrize("name", ["leaf_spine", "fat_tree", "dual_tor", "dragonfly"])
def test_every_cable_has_both_ends_of_the_underlay(design: Design, name: str) -> None:
    underlay = design(name)
    links = {
        frozenset([(d.hostname, p.name), (underlay.devices[p.peer].hostname, underlay.peer(p).name)])
        for d in underlay.devices
        for p in d.ports
    }
    rows = [dict(zip(HEADING, row, strict=True)) for row in cabling_rows(underlay.fabric)]
    assert sum(int(row["links"]) for row in rows) == len(links)
    for row in rows:
        near, far = (row["from_hostname"], row["from_interface"]), (row["to_hostname"], row["to_interface"])
        assert frozenset([near, far]) in links
        assert str(row["from_device"]).replace("/", "-").startswith(str(row["from_hostname"]))
        assert str(row["to_device"]).replace("/", "-") == row["to_hostname"]
        assert row["from_label"] == f"{near[0]} {near[1]} <> {far[0]} {far[1]}"
        assert row["to_label"] == f"{far[0]} {far[1]} <> {near[0]} {near[1]}"


def test_csv_and_excel_have_the_same_cells(design: Design) -> None:
    rows = cabling_rows(design("leaf_spine").fabric)
    read = list(csv.reader(io.StringIO(cabling_csv(rows))))
    sheet = openpyxl.load_workbook(io.BytesIO(cabling_xlsx(rows)))["cables"]
    cells = [["" if cell is None else cell for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert read[0] == cells[0] == list(HEADING)
    assert len(read) == len(cells) == len(rows) + 1
    for text, cell in zip(read[1:], cells[1:], strict=True):
        assert all(str(c) == t or float(t) == c for t, c in zip(text, cell, strict=True))
    assert sheet["A1"].font.b
    assert not sheet["A2"].font.b
    assert sheet.freeze_panes == "A2"


def test_the_same_design_gives_the_same_bytes(design: Design) -> None:
    fabric = design("leaf_spine").fabric
    assert cabling_xlsx(cabling_rows(fabric)) == cabling_xlsx(cabling_rows(fabric))


def test_cables_without_an_underlay_are_listed_all_the_same(root: Path) -> None:
    """Accelerators of a hamming mesh forward for each other: nothing is routed, but cables are pulled."""
    rows = cabling_rows(build_fabric(load_cluster(root / "examples/topologies/hamming_mesh.yaml")))
    assert rows
    assert all(row[-1] == "" for row in rows)
