"""``weft schema``: JSON Schema of the user files, so that editors complete and check them."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[str, typer.Argument(help="cluster, job or scenario", metavar="KIND")],
) -> None:
    """Print the JSON Schema of the cluster, job or scenario file.

    \b
    Example:
      weft schema cluster > cluster.schema.json
    Then, as the first line of your file:
      # yaml-language-server: $schema=./cluster.schema.json
    """
    import json

    from weft.cli.file_schemas import file_schema

    typer.echo(json.dumps(file_schema(kind), indent=2, ensure_ascii=False))
