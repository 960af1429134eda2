"""``weft export``: what installs a design."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    cluster: Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")],
    to: Annotated[str, typer.Option(help="frr, sonic or cabling")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the folder; an earlier export in it is replaced")],
    force: Annotated[
        bool, typer.Option("--force", help="replace a folder that is no export; it is kept as FOLDER.before")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Write what installs a design: a configuration for every switch, or the cable schedule with labels.

    frr: HOST.conf (zebra, bgpd, bfdd) and HOST.interfaces (MTU and speed, for ifupdown2) a switch. sonic:
    HOST/config_db.json a switch. cabling: cabling.csv and cabling.xlsx. Written whole or not at all.

    Example:
      weft export examples/lab/leaf-spine/cluster.yaml --to frr -o configs
    """
    from weft.export.configs import export_configs
    from weft.fabric import build_fabric, load_cluster
    from weft.report.machine import to_json

    fabric = build_fabric(load_cluster(cluster))
    done = export_configs(fabric, to, output, force=force)
    counts = {"switches": done.switches, "ports": done.ports, "cables": done.cables}
    if as_json:
        head = {"schema": "weft.configs/1", "name": fabric.name, "format": to, "folder": str(output)}
        typer.echo(to_json({**head, **counts, "files": list(done.files)}))
        return
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    typer.echo(f"wrote {len(done.files):,} files into {output}: {told}")
