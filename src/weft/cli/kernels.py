"""Says, on a terminal, why the first run of an engine with compiled kernels takes longer than any other."""

from __future__ import annotations

import sys

import typer

_COMPILES_s = {"fluid": 20, "packet": 40}


def announce(engine: str) -> None:
    """Say that kernels will be compiled, if the engine has some and none have been compiled here yet."""
    from weft._jit import compiled_before

    seconds = _COMPILES_s.get(engine)
    if seconds and sys.stderr.isatty() and not compiled_before():
        typer.echo(f"compiling kernels for this machine, once: some {seconds} s", err=True)
