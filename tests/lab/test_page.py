"""docs/lab.md says what the commands print: its session is run again, and its Python."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("machine")


def timeless(text: str, run: str) -> str:
    """Text without what differs each time: the lab's name, how long things took, when they happened."""
    text = re.sub(r"\d+\.\d\d s\b", "T s", text.replace(run, "RUN"))
    return re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "WHEN", text).strip()


def test_the_session_of_the_page(root: Path, weft: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (session,) = re.findall(r"```console\n(.*?)```", (root / "docs/lab.md").read_text(encoding="utf-8"), re.DOTALL)
    steps = re.findall(r"^\$ weft (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert len(steps) == 8
    shown, run = re.match(r"lab (\w{4})", steps[0][1]), ""
    assert shown
    try:
        for command, expected in steps:
            ran = weft(*shlex.split(command), *(["--run", run] if run else []))
            assert (ran.code, ran.err) == (0, ""), command
            run = run or ran.out[4:8]
            assert timeless(ran.out, run) == timeless(expected, shown[1]), command
    finally:
        weft("lab", "down", "--run", run)


def test_the_python_of_the_page(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    (block,) = re.findall(r"```python\n(.*?)```", (root / "docs/lab.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, "lab.md", "exec"), {})
    assert capsys.readouterr().out == "True\n"
