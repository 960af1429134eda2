"""``weft init``: a pair that runs, and nothing overwritten unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Weft = Callable[..., Any]


def test_writes_a_commented_pair_and_says_what_next(weft: Weft, tmp_path: Path) -> None:
    ran = weft("init", tmp_path / "new")
    assert ran.code == 0
    assert "weft simulate" in ran.out
    for name in ("cluster.yaml", "job.yaml"):
        text = (tmp_path / "new" / name).read_text()
        assert text.count("#") > 5
        assert len(text.splitlines()) > 15


def test_refuses_to_overwrite(weft: Weft, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("mine")
    ran = weft("init", tmp_path)
    assert ran.code == 2
    assert "--force" in ran.err
    assert (tmp_path / "job.yaml").read_text() == "mine"
    assert not (tmp_path / "cluster.yaml").exists()
    assert weft("init", tmp_path, "--force").code == 0
    assert (tmp_path / "job.yaml").read_text() != "mine"


def test_the_pair_runs(weft: Weft, tmp_path: Path) -> None:
    weft("init", tmp_path)
    cluster, job = tmp_path / "cluster.yaml", tmp_path / "job.yaml"
    ran = weft("simulate", cluster, job)
    assert (ran.code, ran.err) == (0, "")
    assert weft("fabric", "show", cluster).code == 0
    assert weft("bench", "all_reduce", cluster, "-b", "8", "-e", "1G", "-f", "8").code == 0


def test_a_file_in_the_way_is_one_line(weft: Weft, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = weft("init", tmp_path / "file" / "sub")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
