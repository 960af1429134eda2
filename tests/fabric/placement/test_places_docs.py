"""What docs/places.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from weft.fabric import Cluster
from weft.fabric.cabling.options import CLASSES
from weft.fabric.checks import RULES
from weft.fabric.floor_plan import FloorPlan


def test_the_python_on_the_page_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", (root / "docs/places.md").read_text(), re.DOTALL)[0]
    monkeypatch.chdir(root)
    names: dict[str, Any] = {}
    exec(code, names)
    fabric = names["fabric"]
    assert fabric.placement.racks_by_use == {"nodes": 32, "network": 1}
    assert fabric.placement.binding == "power"
    assert names["cages_used"](fabric)[fabric.node("unit0/leaf0").row] == 32
    assert names["cable_schedule"](fabric).columns["label"][0] == "unit0/host0/nic0:0"
    assert names["check"](fabric) == []


def test_every_field_class_and_rule_is_on_the_page(root: Path) -> None:
    page = (root / "docs/places.md").read_text()
    for name in (*FloorPlan.model_fields, *CLASSES, *RULES):
        assert f"`{name}`" in page, name


def test_the_yaml_on_the_page_is_read(root: Path) -> None:
    page = (root / "docs/places.md").read_text()
    small = {"nodes": 4, "node": {"system": "dgx_h100"}, "scale_out": {"topology": "leaf_spine"}}
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    Cluster.model_validate(small | yaml.safe_load(blocks[0]))
    for line in blocks[1].splitlines():
        Cluster.model_validate(small | yaml.safe_load(line))
