"""``weft export``: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weft.cli import main

CLUSTER = "examples/lab/leaf-spine/cluster.yaml"
INFINIBAND = (
    "error: examples/small/cluster.yaml:13: scale_out.protocol: ib_ndr switches are configured by a subnet manager, "
    "not by BGP; set protocol: roce\n"
)


@pytest.fixture(autouse=True)
def at_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


@pytest.mark.parametrize(("to", "files"), [("frr", 12), ("sonic", 6), ("cabling", 2)])
def test_counts_and_files(to: str, files: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", CLUSTER, "--to", to, "-o", str(tmp_path / "out"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "weft.configs/1"
    assert len(answer["files"]) == files
    assert all((tmp_path / "out" / name).is_file() for name in answer["files"])
    assert (answer["switches"], answer["ports"], answer["cables"]) == ((0, 0, 16) if to == "cabling" else (6, 24, 0))


def test_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for to in ("frr", "sonic", "cabling"):
        for name in ("a", "b"):
            assert main(["export", CLUSTER, "--to", to, "-o", str(tmp_path / f"{to}-{name}")]) == 0
        one, other = tmp_path / f"{to}-a", tmp_path / f"{to}-b"
        read = [{p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()} for d in (one, other)]
        assert read[0] == read[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([CLUSTER, "--to", "eos", "-o", "{out}"], "--to: unknown export format 'eos'; known: cabling, frr, sonic"),
        ([CLUSTER, "--to", "frr", "-o", "{out}/no/folder"], "cannot be written: No such file or directory"),
        (["examples/small/cluster.yaml", "--to", "frr", "-o", "{out}"], INFINIBAND),
        (["examples/small/cluster.yaml", "--to", "sonic", "-o", "{out}"], INFINIBAND),
        (["missing.yaml", "--to", "frr", "-o", "{out}"], "missing.yaml"),
    ],
)
def test_mistakes(arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *(a.replace("{out}", str(tmp_path / "out")) for a in arguments)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_drift_refuses_what_export_refuses_in_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Configurations of an InfiniBand design cannot be right; its cables can be compared all the same."""
    for number, (name, text) in enumerate((("leaf0.conf", "hostname leaf0\n"), ("leaf0/config_db.json", "{}"))):
        path = tmp_path / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        assert main(["fabric", "drift", "examples/small/cluster.yaml", str(tmp_path / str(number))]) == 2
        assert capsys.readouterr() == ("", INFINIBAND)
    (tmp_path / "cables").mkdir()
    (tmp_path / "cables" / "lldp.csv").write_text("device,port,neighbour,neighbour_port\nleaf77,swp1,host0,eth0\n")
    assert main(["fabric", "drift", "examples/small/cluster.yaml", str(tmp_path / "cables")]) == 1
    assert "leaf77: extra-device" in capsys.readouterr().out


def test_a_folder_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")
    assert main(["export", CLUSTER, "--to", "frr", "-o", str(tmp_path)]) == 2
    assert "--force" in capsys.readouterr().err
