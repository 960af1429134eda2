"""The command line starts fast: nothing heavy is imported before a command needs it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from weft.cli.lazy import COMMANDS

HEAVY = ("numpy", "pydantic", "yaml", "pyarrow", "rich", "hypothesis", "jsonschema", "weft.files", "weft.catalog")


def imported_by(code: str) -> set[str]:
    check = f"{code}\nimport sys\nsys.stderr.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import weft",
        "import weft.cli",
        "import weft.cli; weft.cli.main(['--help'])",
        "import weft.cli; weft.cli.main(['--version'])",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    assert imported_by(code) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_imports_no_more_than_typer_does(command: str) -> None:
    """typer itself may use pydantic to read arguments, and rich."""
    assert imported_by(f"import weft.cli; weft.cli.main([{command!r}, '--help'])") <= {"pydantic", "rich"}


def test_help_is_instant() -> None:
    """0.2 s on an idle core; the best of several keeps a busy machine from failing it."""
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "weft", "--help"], capture_output=True, check=True, timeout=60)
        best = min(best, time.perf_counter() - begun)
        if best < 0.3:
            return
    assert best < 1.0
