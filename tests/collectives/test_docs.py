"""The examples in docs/collectives.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_python_examples_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (root / "docs" / "collectives.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(first, "docs/collectives.md", "exec"), names)
    said = capsys.readouterr().out.split()
    assert said[0] in ("in_network", "ring")
    assert 300 < float(said[-2]) < 400
    exec(compile(second, "docs/collectives.md", "exec"), names)
    shown = re.findall(r"```\n(ring: .*?)```", text, re.DOTALL)
    assert [capsys.readouterr().out] == shown
