"""``weft init``: a commented starter pair that runs as it is."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

_FILES = ("cluster.yaml", "job.yaml")


def init(
    folder: Annotated[Path, typer.Argument(help="where to write; default: here", metavar="[DIR]")] = Path("."),
    force: Annotated[bool, typer.Option("--force", help="replace files that are there already")] = False,
) -> None:
    """Write a commented starter pair: cluster.yaml and job.yaml.

    512 H100s that train Llama 3 70B; edit the numbers and simulate again.

    \b
    Example:
      weft init my-cluster
    """
    from importlib.resources import files

    from weft.errors import ConfigError
    from weft.files.writing import write_atomically

    targets = [folder / name for name in _FILES]
    taken = [str(target) for target in targets if target.exists()]
    if taken and not force:
        raise ConfigError(f"{' and '.join(taken)} exist already; --force replaces them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot be made a folder: {error.strerror or error}", file=str(folder)) from None
    starter = files("weft.cli") / "starter"
    for target in targets:
        write_atomically(target, (starter / target.name).read_text(encoding="utf-8"))
        typer.echo(f"wrote {target}")
    cluster, job = (quote(str(target)) for target in targets)
    typer.echo("\nnext:")
    for command in (
        f"simulate {cluster} {job}",
        f"fabric show {cluster}",
        f"bench all_reduce {cluster} -b 8 -e 8G -f 8",
    ):
        typer.echo(f"  weft {command}")
