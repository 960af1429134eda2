"""Folders are whole or not there, and what somebody else put into one stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weft.errors import ConfigError
from weft.export.configs.folder import MANIFEST, read_manifest, write_folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_folder(target, [("a.conf", "1"), ("b/c.json", "2")], {"format": "frr"})
    assert names(target) == ["a.conf", "b/c.json", MANIFEST]
    write_folder(target, [("d.conf", "3")], {"format": "frr"})
    assert names(target) == ["d.conf", MANIFEST]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert read_manifest(target) == {"schema": "weft.configs/1", "format": "frr", "files": ["d.conf"]}


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert write_folder(tmp_path / "out", [("a", "1")], {}) == ["a"]


@pytest.mark.parametrize("earlier", [True, False])
def test_what_others_wrote_is_not_lost(tmp_path: Path, earlier: bool) -> None:
    target = tmp_path / "out"
    if earlier:
        write_folder(target, [("a", "1")], {})
    else:
        target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt.*--force"):
        write_folder(target, [("a", "2")], {})
    assert (target / "notes.txt").read_text() == "mine"
    write_folder(target, [("a", "2")], {}, force=True)
    assert names(target) == ["a", MANIFEST]
    assert (tmp_path / "out.before" / "notes.txt").read_text() == "mine"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_folder(target, [("a", "1")], {})

    def breaks() -> Iterator[tuple[str, str]]:
        yield "b", "2"
        raise ConfigError("no")

    with pytest.raises(ConfigError):
        write_folder(target, breaks(), {})
    assert names(target) == ["a", MANIFEST]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_folder_to_be_in(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_folder(tmp_path / "no" / "out", [("a", "1")], {})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="not a folder"):
        write_folder(tmp_path / "file", [("a", "1")], {})
