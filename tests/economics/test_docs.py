"""What docs/economics.md and docs/studies.md say is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from weft.fabric import Prices


def test_the_python_on_the_page_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (root / "docs/economics.md").read_text(), re.DOTALL)
    monkeypatch.chdir(root)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["bill"].total_cost.typical > names["bill"].capital_cost.typical


def test_every_price_a_user_can_set_is_on_the_page(root: Path) -> None:
    page = (root / "docs/economics.md").read_text()
    assert all(f"`prices.{name}`" in page for name in Prices.model_fields)


def test_every_study_is_on_the_page(root: Path) -> None:
    page = (root / "docs/studies.md").read_text()
    for path in (root / "examples/studies").glob("*.py"):
        if "__main__" in path.read_text():  # what studies share is no study
            assert f"examples/studies/{path.name}" in page
