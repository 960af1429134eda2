"""The example in docs/collectives.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_python_example_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "docs" / "collectives.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "docs/collectives.md", "exec"), {})
    said = capsys.readouterr().out.split()
    assert said[0] in ("in_network", "ring")
    assert 300 < float(said[-2]) < 400
