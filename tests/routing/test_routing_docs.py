"""What docs/routing.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

from weft.fabric.routing_options import PolicyName


def test_the_python_on_the_page_gives_the_table_below_it(root: Path) -> None:
    page = (root / "docs/routing.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    for name, value in names["found"].items():
        (printed,) = re.findall(rf"^\| {re.escape(name)} \| ([\d.]+)", page, re.MULTILINE)
        assert f"{value:.2f}" == printed


def test_every_policy_is_on_the_page(root: Path) -> None:
    page = (root / "docs/routing.md").read_text()
    assert all(f"`{name}`" in page for name in get_args(PolicyName))
