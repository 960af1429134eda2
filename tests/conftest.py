"""Shared by all tests: the command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from weft.cli import main

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def weft(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run ``weft ARGS`` and return exit code, standard output and standard error."""

    def run(*args: object) -> Ran:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


# What runs first: one worker compiles the packets' kernels while another is busy in the lab, not both the same ones.
_FIRST = ("lab", "engines", "validation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: (*(_folder(item.nodeid) != name for name in _FIRST), "packet" not in item.path.parts))


class _Files(LoadFileScheduling):
    """Keep each file on one worker, which makes its fixtures once, and the lab on one, as its tests share a machine."""

    def _split_scope(self, nodeid: str) -> str:
        return "lab" if _folder(nodeid) == "lab" else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _Files(config, log)


def _folder(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").partition("/")[0]
