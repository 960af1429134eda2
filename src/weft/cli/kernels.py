"""Says, on a terminal, why the first run of an engine with compiled kernels takes longer than any other."""

from __future__ import annotations

import sys

import typer


def announce(engine: str) -> None:
    """Say that kernels will be compiled, if the engine has some and none have been compiled here yet."""
    from weft._jit import compiled_before

    if engine == "fluid" and sys.stderr.isatty() and not compiled_before():
        typer.echo("compiling kernels for this machine, once: some 20 s", err=True)
