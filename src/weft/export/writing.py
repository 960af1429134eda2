"""Chooses the format and writes the file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from weft.errors import UnknownName
from weft.export.columns import link_columns, node_columns
from weft.export.drawio import to_drawio
from weft.export.graphml import to_graphml
from weft.export.tables import to_csv, to_parquet
from weft.fabric import Fabric
from weft.files import write_atomically

FORMATS = ("graphml", "csv", "parquet", "drawio")


def export(fabric: Fabric, to: str, path: str | os.PathLike[str]) -> list[Path]:
    """Write a fabric's graph; return the files written.

    Args:
        fabric: what to write.
        to: one of `FORMATS`. Tables are two files: ``net.csv`` makes ``net.nodes.csv`` and ``net.links.csv``.
        path: where to.

    Raises:
        UnknownName: no such format.
        ConfigError: it cannot be written, or pyarrow is missing.
    """
    target = Path(path)
    if to not in FORMATS:
        raise UnknownName("export format", to, FORMATS, field="--to")
    if to in ("graphml", "drawio"):
        write_atomically(target, to_graphml(fabric) if to == "graphml" else to_drawio(fabric))
        return [target]
    encode = to_csv if to == "csv" else to_parquet
    nodes = node_columns(fabric)
    made = {"nodes": encode(nodes), "links": encode(link_columns(fabric, nodes["name"]))}
    suffix = target.suffix or f".{to}"
    written = []
    for name, data in made.items():
        file = target.with_name(f"{target.stem}.{name}{suffix}")
        write_atomically(file, data)
        written.append(file)
    return written
