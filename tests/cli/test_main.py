"""The entry point: help, version, exit codes, one line on standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import weft.cli
from weft.cli.lazy import COMMANDS, load_command
from weft.errors import InfeasibleError

Weft = Callable[..., Any]


def test_help_lists_every_command(weft: Weft) -> None:
    ran = weft("--help")
    assert ran.code == 0
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in ran.out
        assert text in ran.out
    assert "--install-completion" in ran.out
    assert weft().out == ran.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(weft: Weft, name: str) -> None:
    ran = weft(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    subcommands = getattr(load_command(name), "commands", None)
    pages = [weft(name, sub, "--help").out for sub in subcommands] if subcommands else [ran.out]
    for page in pages:
        assert f"weft {name}" in page.replace(f"Usage: weft {name}", ""), page


def test_version(weft: Weft) -> None:
    from importlib.metadata import version

    assert weft("--version").out == f"weft {version('weft')}\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["simulat"], "unknown command 'simulat'; did you mean 'simulate'?"),
        (["--bogus"], "No such option: --bogus"),
        (["simulate"], "Missing argument 'CLUSTER'; see 'weft simulate --help'"),
        (["simulate", "a", "b", "c"], "see 'weft simulate --help'"),
        (["simulate", "--engin", "x"], "--engine"),
        (["schema"], "KIND"),
        (["schema", "jbo"], "did you mean 'job'?"),
        (["validate", "--suite", "ncl"], "did you mean 'nccl'?"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(weft: Weft, args: list[str], says: str) -> None:
    ran = weft(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert says in ran.err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (InfeasibleError("it does\nnot fit"), 1, "error: it does not fit"),
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("oops"), 3, "error: internal error: ZeroDivisionError: oops; please report it"),
        (RecursionError("deep"), 3, "internal error"),
    ],
)
def test_errors_become_exit_codes(
    weft: Weft, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    import weft.cli.file_schemas as schemas

    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(schemas, "file_schema", fail)
    ran = weft("schema", "job")
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") <= 1


def test_debug_shows_the_traceback(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_DEBUG", "1")
    assert "Traceback" in weft("schema", "jbo").err


def test_a_closed_pipe_is_quiet() -> None:
    script = f"{sys.executable} -m weft schema cluster | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_an_ascii_terminal_gets_an_answer() -> None:
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-m", "weft", "schema", "job"], capture_output=True, env=env, timeout=60)
    assert done.returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_offers_the_commands(shell: str) -> None:
    env = os.environ | {
        "_WEFT_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "weft si",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": "weft si",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", "import weft.cli; weft.cli.main([])"], capture_output=True, text=True, env=env
    )
    assert "simulate" in done.stdout


def test_main_is_what_the_script_calls() -> None:
    assert callable(weft.cli.main)
