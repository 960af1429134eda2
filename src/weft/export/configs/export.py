"""Chooses what is written, and writes it into one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft.errors import UnknownName
from weft.export.configs.cabling import cabling_csv, cabling_rows, cabling_xlsx
from weft.export.configs.folder import write_folder
from weft.export.configs.frr import frr_conf, interfaces_file
from weft.export.configs.sonic import config_db, config_db_text
from weft.export.configs.sonic.config_db import KnownPorts
from weft.fabric import Fabric
from weft.underlay import Underlay, build_underlay, check_configured

FORMATS = ("frr", "sonic", "cabling")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        to: which of `FORMATS`.
        files: names relative to the folder, sorted.
        switches: how many were configured; 0 of ``cabling``.
        ports: their ports in all.
        cables: rows of the schedule; 0 of configurations.
    """

    folder: Path
    to: str
    files: tuple[str, ...]
    switches: int = 0
    ports: int = 0
    cables: int = 0


def export_configs(fabric: Fabric, to: str, folder: str | os.PathLike[str], *, force: bool = False) -> Exported:
    """Write switch configurations or the cable schedule into a folder; the same design gives the same bytes.

    Args:
        fabric: what to write.
        to: ``frr`` (``HOST.conf`` and ``HOST.interfaces`` a switch), ``sonic`` (``HOST/config_db.json``) or
            ``cabling`` (``cabling.csv`` and ``cabling.xlsx``).
        folder: where to; an earlier export is replaced, whole or not at all.
        force: replace a folder that is none, and keep that as ``FOLDER.before``.

    Raises:
        UnknownName: no such format.
        ConfigError: the network has nothing to configure, or the folder cannot be written.
    """
    if to not in FORMATS:
        raise UnknownName("export format", to, FORMATS, field="--to")
    about = {"name": fabric.name, "format": to}
    if to == "cabling":
        rows = cabling_rows(fabric)
        schedule: dict[str, str | bytes] = {"cabling.csv": cabling_csv(rows), "cabling.xlsx": cabling_xlsx(rows)}
        names = write_folder(folder, schedule.items(), about, force=force)
        return Exported(Path(folder), to, tuple(names), cables=len(rows))
    underlay = build_underlay(fabric)
    names = write_folder(folder, config_files(underlay, to), about, force=force)
    ports = sum(len(device.ports) for device in underlay.switches)
    return Exported(Path(folder), to, tuple(names), len(underlay.switches), ports)


def config_files(underlay: Underlay, to: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of every file of a configuration format.

    Raises:
        ConfigError: the switches are InfiniBand's.
    """
    check_configured(underlay)
    known: KnownPorts = {}
    for device in underlay.switches:
        if to == "frr":
            yield f"{device.hostname}.conf", frr_conf(underlay, device)
            yield f"{device.hostname}.interfaces", interfaces_file(underlay, device)
        else:
            yield f"{device.hostname}/config_db.json", config_db_text(config_db(underlay, device, known))
