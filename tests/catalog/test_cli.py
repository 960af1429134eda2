"""``weft catalog`` for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weft.catalog import load_catalog
from weft.catalog.search import search
from weft.cli import main
from weft.cli.catalog import _complete_kind, _complete_part, app

runner = CliRunner()


def run(*args: str) -> str:
    result = runner.invoke(app, args)
    assert result.exit_code == 0, result.output
    return result.output


def machine(*args: str) -> dict[str, object]:
    answer = json.loads(run(*args, "--json"))
    assert answer["schema"].startswith("weft.catalog-")
    assert answer["revision"] == load_catalog().revision or "--catalog" in args
    return answer


def test_list_counts_every_kind() -> None:
    kinds = {row["kind"]: row for row in machine("list")["kinds"]}  # type: ignore[attr-defined]
    assert set(kinds) == set(load_catalog().kinds())
    assert kinds["media"]["parts"] == len(load_catalog().parts("media"))
    assert "accelerators" in run("list")


@pytest.mark.parametrize("kind", load_catalog().kinds())
def test_list_names_the_parts_of_a_kind_within_100_columns(kind: str) -> None:
    text = run("list", kind)
    assert all(part.id in text for part in load_catalog().parts(kind))
    assert max(map(len, text.splitlines())) <= 100
    assert [p["id"] for p in machine("list", kind)["parts"]] == [p.id for p in load_catalog().parts(kind)]  # type: ignore[attr-defined]


def test_show_says_everything_about_a_part() -> None:
    text = run("show", "nv_qm9700")
    for said in ("25,000", "36,000", "50,000", "USD", "datasheet, recalled", "https://itctshop.com", "passive cables"):
        assert said in text
    assert "Where sources disagree" in text and "bidirectional for NDR" in text


def test_show_marks_claims_and_own_estimates() -> None:
    assert "vendor claim" in run("show", "bcm_tomahawk_ultra")
    assert "own estimate" in run("show", "bcm_tomahawk5")
    assert "derived" in run("show", "optic_400g_dr4_dsp")


def test_show_for_machines_has_si_and_sources() -> None:
    answer = machine("show", "h100_sxm")
    fact = answer["facts"]["hbm_tBps"]  # type: ignore[index]
    assert fact["si"] == {"low": 3.35e12, "typical": 3.35e12, "high": 3.35e12, "unit": "B/s"}
    assert set(fact["sources"]) <= set(answer["sources"])  # type: ignore[call-overload]
    assert answer["contradictions"][0]["quantity"]  # type: ignore[index]


@pytest.mark.parametrize("kind", load_catalog().kinds())
def test_every_part_can_be_shown(kind: str) -> None:
    for part in load_catalog().parts(kind):
        text = run("show", part.id, "--kind", kind)
        assert part.name in text
        over = [line for line in text.splitlines() if len(line) > 100 and "http" not in line]
        assert not over, (part.id, over)
        machine("show", part.id, "--kind", kind)


def test_search_needs_every_word_and_puts_names_first() -> None:
    ids = [hit["id"] for hit in machine("search", "lpo", "800g")["hits"]]  # type: ignore[attr-defined]
    assert ids[0] == "lpo_800g_dr8"
    assert "nothing in the catalog" in runner.invoke(app, ["search", "zzzz"]).output
    assert runner.invoke(app, ["search", "zzzz", "--json"]).exit_code == 1
    assert search(load_catalog(), "  ") == []


def test_search_reads_notes_fields_and_sources() -> None:
    found = {word: {hit.part.id for hit in search(load_catalog(), word)} for word in ("sharpv3", "radix_max", "nsdi")}
    assert "nv_qm9700" in found["sharpv3"]
    assert "bcm_tomahawk5" in found["radix_max"]
    assert "megascale" in found["nsdi"]


def test_overlays_reach_every_command(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("kind: nics\nparts:\n- {id: house_nic, name: House NIC, port_gbps: 800}\n")
    for args in (("list", "nics"), ("show", "house_nic"), ("search", "house")):
        assert "House NIC" in run(*args, "--catalog", str(path))
        assert "House NIC" in json.dumps(machine(*args, "--catalog", str(path)))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["show", "h100"], "unknown part 'h100'"),
        (["list", "acelerators"], "did you mean 'accelerators'"),
        (["show", "cx7", "--kind", "switches"], "unknown part in switches"),
        (["show", "cx7", "--catalog", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", *args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err and captured.err.count("\n") == 1


def test_names_complete_in_the_shell() -> None:
    assert "h100_sxm" in _complete_part("h100")
    assert _complete_kind("acc") == ["accelerators"]
