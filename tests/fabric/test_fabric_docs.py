"""What docs/fabric.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from weft.fabric import topologies
from weft.fabric.clos_options import ClosOptions


def test_the_python_on_the_page_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", (root / "docs/fabric.md").read_text(), re.DOTALL)[0]
    monkeypatch.chdir(root)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["fabric"].by_kind["spine"] == 16


def test_every_topology_and_option_is_on_the_page(root: Path) -> None:
    page = (root / "docs/fabric.md").read_text()
    for name in topologies.names():
        assert f"| `{name}` |" in page
        for option in topologies.get(name).Options.model_fields:
            assert f"`{option}`" in page


def test_every_option_explains_itself() -> None:
    for name in topologies.names():
        for option, field in topologies.get(name).Options.model_fields.items():
            assert field.description, f"{name}.{option}"
    assert set(ClosOptions.model_fields) < set(topologies.get("fat_tree").Options.model_fields)
