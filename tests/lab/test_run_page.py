"""docs/lab-run.md says what the commands print, but for times, and its Python prints what stands below it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from weft.lab import Lab

NUMBER = r"[\d.]+ ?(?:ms|us|s|Mb/s|%)?"


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "lab-run.md").read_text(encoding="utf-8")


def labels(text: str, run: str) -> list[str]:
    """Lines up to what happened, without what differs each time: figures, and the link that was hit."""
    plain = re.sub(r"(leaf|spine)\d", r"\1", text.replace(run, "RUN").partition("groups\n")[0])
    return [" ".join(re.sub(NUMBER, "N", line).split()).replace("N N", "N") for line in plain.strip().splitlines()]


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed: pip install 'weft[lab]'")
def test_the_first_command_of_the_page(page: str, leaf_spine: Lab, weft: Callable[..., Any]) -> None:
    command, expected = re.findall(r"^\$ weft (.*)\n((?:(?!```).*\n)*)", page, re.MULTILINE)[0]
    ran = weft(*shlex.split(command), "--run", leaf_spine.run)
    assert (ran.code, ran.err) == (0, "")
    assert labels(ran.out, leaf_spine.run) == labels(expected, "19b2")


def test_the_python_of_the_page(
    root: Path, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    ((block, printed),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "lab-run.md", "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_option_on_the_page_is_there(page: str, weft: Callable[..., Any]) -> None:
    for command in ("run", "compare"):
        known = weft("lab", command, "--help").out
        for line in re.findall(rf"^\$ weft lab {command} (.*)$", page, re.MULTILINE):
            assert all(word in known for word in line.split() if word.startswith("--"))
