"""``weft catalog``: parts, and where their numbers come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Parts, and where their numbers come from.", no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


def _complete_kind(incomplete: str) -> list[str]:
    from weft.catalog import load_catalog

    return [kind for kind in load_catalog().kinds() if kind.startswith(incomplete)]


def _complete_part(incomplete: str) -> list[str]:
    from weft.catalog import load_catalog

    return [part for part in load_catalog().ids() if part.startswith(incomplete)]


_Overlays = Annotated[
    list[Path] | None,
    typer.Option("--catalog", metavar="OVERLAY.yaml", help="Lay your own parts over the catalog (may be repeated)."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("list", epilog="Example: weft catalog list accelerators")
def list_parts(
    kind: Annotated[
        str | None, typer.Argument(help="A kind of part; leave out to list the kinds.", autocompletion=_complete_kind)
    ] = None,
    as_json: _Json = False,
    catalog: _Overlays = None,
) -> None:
    """List the kinds of parts, or the parts of one kind with their main figures."""
    from weft.catalog import load_catalog
    from weft.cli import catalog_views as views

    loaded = load_catalog(*catalog or [])
    if kind is None:
        _print(views.kinds_json(loaded) if as_json else views.kinds_text(loaded))
    else:
        _print(views.parts_json(loaded, kind) if as_json else views.parts_text(loaded, kind))


@app.command("show", epilog="Example: weft catalog show h100_sxm")
def show_part(
    part: Annotated[str, typer.Argument(help="A part's id.", autocompletion=_complete_part)],
    kind: Annotated[
        str | None, typer.Option("--kind", help="Its kind, if two kinds share the id.", autocompletion=_complete_kind)
    ] = None,
    as_json: _Json = False,
    catalog: _Overlays = None,
) -> None:
    """Show every figure of a part with its source and how far to trust it, and where sources disagree."""
    from weft.catalog import load_catalog
    from weft.cli import catalog_views as views

    loaded = load_catalog(*catalog or [])
    found = loaded.find(part) if kind is None else loaded.get(kind, part)
    _print(views.part_json(loaded, found) if as_json else views.part_text(loaded, found))


@app.command("search", epilog="Example: weft catalog search 800g lpo")
def search_parts(
    words: Annotated[list[str], typer.Argument(help="Words that a part must all contain.")],
    as_json: _Json = False,
    catalog: _Overlays = None,
) -> None:
    """Find parts by words in their names, fields, notes and sources. Exit code 1 if nothing has them all."""
    from weft.catalog import load_catalog
    from weft.catalog.search import search
    from weft.cli import catalog_views as views

    loaded = load_catalog(*catalog or [])
    hits = search(loaded, " ".join(words))
    _print(views.hits_json(loaded, words, hits) if as_json else views.hits_text(words, hits))
    if not hits:
        raise typer.Exit(1)


def _print(answer: str | dict[str, Any]) -> None:
    if isinstance(answer, str):
        typer.echo(answer)
        return
    from weft.report.machine import to_json

    typer.echo(to_json(answer))
