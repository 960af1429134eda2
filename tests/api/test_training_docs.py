"""What docs/training.md says: its example runs, what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weft.catalog import load_catalog


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "training.md").read_text(encoding="utf-8")


def test_examples_print_what_the_page_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.findall(r"```python\n((?:(?!```).)*)```\n\n```\n((?:(?!```).)*)```", page, re.DOTALL)
    assert len(shown) == 7
    for block, printed in shown:
        exec(compile(block, "docs/training.md", "exec"), {})
        assert capsys.readouterr().out == printed


def test_the_first_example_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(block, "docs/training.md", "exec"), {})
    hidden, shown = capsys.readouterr().out.splitlines()
    assert 0 < float(hidden.split()[0]) < float(shown.split()[0])
    for line in (hidden, shown):
        assert ", fits: " in line
        assert "'compute'" in line


def test_kinds_and_stacks_it_names_exist(page: str) -> None:
    catalog = load_catalog()
    for kind in re.findall(r"^\| `(\w+)` \|", page.split("## Where the constants")[1], re.MULTILINE):
        assert kind in catalog.kinds()
    for part in re.findall(r"weft catalog show ([\w-]+)", page):
        assert catalog.find(part)
