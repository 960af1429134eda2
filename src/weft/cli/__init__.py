"""The ``weft`` command. Importing this module imports typer and the standard library, nothing heavier."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import typer
from typer.main import get_command

from weft.cli.lazy import LazyGroup
from weft.errors import WeftError

app = typer.Typer(
    cls=LazyGroup,
    name="weft",
    help="Design, simulate and operate the networks that AI clusters run on.",
    epilog="Start with: weft init, then: weft simulate cluster.yaml job.yaml",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# typer keeps its own copy of click; these are the classes it raises for wrong usage.
_CLICK_ERROR = typer.BadParameter.__mro__[2]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"weft {version('weft')}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done; 1 infeasible or a check failed; 2 bad usage or input; 3 our fault; 130 interrupted. Errors are one line on
    standard error; ``WEFT_DEBUG=1`` adds the traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal gets '?' for 'µ', not a crash
    try:
        code = get_command(app).main(args=args, prog_name="weft", standalone_mode=False)
        sys.stdout.flush()
    except WeftError as error:
        return _say(str(error), error.exit_code)
    except typer.Abort:
        return _say("interrupted", 130)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except Exception as error:
        if isinstance(error, _CLICK_ERROR):
            return _say(_usage(error), 2)
        kind = type(error).__name__
        return _say(f"internal error: {kind}: {error}; please report it (WEFT_DEBUG=1 shows where)", 3)
    return code if isinstance(code, int) else 0


def _usage(error: Exception) -> str:
    """Return typer's complaint in one line, with the command whose --help would explain."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "weft"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{message.rstrip('.')}; see '{path} --help'"


def _say(message: str, code: int) -> int:
    if os.environ.get("WEFT_DEBUG"):
        import traceback

        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        print("error: " + " ".join(message.split()), file=sys.stderr)
    return code


def _silence_stdout() -> None:
    """Give the dead pipe's place to /dev/null, so that the interpreter's last flush says nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
