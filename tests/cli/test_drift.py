"""``weft fabric drift``: exit codes, lines and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weft.cli import main

CLUSTER = "examples/lab/leaf-spine/cluster.yaml"


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def test_a_line_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = tmp_path / "out"
    assert main(["export", CLUSTER, "--to", "frr", "-o", str(configs)]) == 0
    assert main(["fabric", "drift", CLUSTER, str(configs)]) == 0
    assert "6 of 6 switches' configurations compared, 0 differences\n" in capsys.readouterr().out
    path = configs / "leaf2.conf"
    path.write_text(path.read_text().replace("description spine1:swp3", "description spine0:swp3"))
    assert main(["fabric", "drift", CLUSTER, str(configs)]) == 1
    said = capsys.readouterr().out
    assert "leaf2 swp4: wrong-cable: leads to spine0:swp3; the design says spine1:swp3\n" in said
    assert main(["fabric", "drift", CLUSTER, str(configs), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "weft.drift/1"
    assert answer["by_rule"] == {"wrong-cable": 1}
    assert answer["findings"][0]["port"] == "swp4"


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fabric", "drift", CLUSTER, str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
