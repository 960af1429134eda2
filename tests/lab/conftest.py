"""Labs for tests: brought up once each, under names of their own so that no other lab on the machine is touched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weft.lab import Lab
from weft.lab.probe import lacking

sys.path.insert(0, str(Path(__file__).parent))

from lab_helpers import FAMILY, plan_of


@pytest.fixture(scope="session")
def machine() -> None:
    """Skip, and say why, where no lab can be had."""
    lacks = lacking(["root", "namespaces", "veth", "tbf", "nexthops", "hash"])
    if lacks:
        pytest.skip(f"no lab on this machine: {'; '.join(lacks)}")


@pytest.fixture(scope="session")
def labs(machine: None) -> Iterator[Callable[[str], Lab]]:
    """Labs by example, each brought up when first asked for. Who breaks one mends it."""
    found: dict[str, Lab] = {}

    def lab(name: str) -> Lab:
        if name not in found:
            found[name] = Lab.up(plan_of(name), family=FAMILY)
        return found[name]

    yield lab
    for one in found.values():
        one.down()


@pytest.fixture
def leaf_spine(labs: Callable[[str], Lab]) -> Lab:
    return labs("leaf-spine")
