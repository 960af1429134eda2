"""Folders of made files: whole or not at all, and never over what somebody else put there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weft.errors import ConfigError

MANIFEST = "weft-export.json"
_SCHEMA = "weft.configs/1"


def write_folder(
    folder: str | os.PathLike[str],
    files: Iterable[tuple[str, str | bytes]],
    about: dict[str, Any],
    *,
    force: bool = False,
) -> list[str]:
    """Write files into a new folder beside ``folder``, then give it that name; return their names.

    An earlier export is replaced. A manifest, `MANIFEST`, lists the files, so that an export is known as one.

    Args:
        folder: where to; its parent must exist.
        files: names relative to the folder, with their content.
        about: what the manifest says besides.
        force: replace other folders too; what was there is kept beside, as ``FOLDER.before``.

    Raises:
        ConfigError: the folder holds other files, or cannot be written.
    """
    target = Path(folder)
    ours = _check_replaceable(target, force)
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.resolve().parent))
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror or error}", file=str(folder)) from None
    try:
        names = _fill(aside, files, about)
        _take_place(aside, target, keep=not ours)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror or error}", file=str(folder)) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return names


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's manifest says; None where it has none."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == _SCHEMA else None


def _check_replaceable(target: Path, force: bool) -> bool:
    """Return whether the folder is ours to throw away.

    Raises:
        ConfigError: it is not, and nobody said ``force``.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigError("is not a folder; name one, or a path that does not exist yet", file=str(target))
    if not target.exists():
        return True
    manifest = read_manifest(target)
    listed = {MANIFEST, *(manifest or {}).get("files", [])}
    others = sorted(str(p.relative_to(target)) for p in target.rglob("*") if not p.is_dir())
    foreign = [name for name in others if name not in listed]
    if not others or not foreign:
        return True
    if not force:
        what = "and is no earlier export" if manifest is None else "which no export wrote"
        raise ConfigError(f"holds {foreign[0]}, {what}; choose another folder, or add --force", file=str(target))
    return False


def _fill(aside: Path, files: Iterable[tuple[str, str | bytes]], about: dict[str, Any]) -> list[str]:
    mask = os.umask(0)
    os.umask(mask)
    aside.chmod(0o777 & ~mask)
    names = []
    for name, content in files:
        path = aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        names.append(name)
    names.sort()
    manifest = {"schema": _SCHEMA, **about, "files": names}
    (aside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return names


def _take_place(aside: Path, target: Path, *, keep: bool) -> None:
    """Rename a filled folder to its name, and what had the name before out of the way."""
    if not target.exists():
        os.rename(aside, target)
        return
    before = target.with_name(f"{target.name}.before")
    number = 1
    while before.exists():
        number += 1
        before = target.with_name(f"{target.name}.before{number}")
    os.rename(target, before)
    try:
        os.rename(aside, target)
    except OSError:
        os.rename(before, target)
        raise
    if not keep:
        shutil.rmtree(before)
