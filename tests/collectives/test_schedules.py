"""Every schedule, moved by brute force: everybody ends with the right data, and nothing is counted twice."""

from __future__ import annotations

from typing import Any

import pytest
from schedule_mover import inputs, owners_after, run, whole

from weft.collectives import ALGORITHMS, Schedule
from weft.errors import ConfigError

SIZE = 840.0  # divides by 1..8
UNITS = {"tree": (1, 2, 3), "hierarchical": (1, 2, 3, 4), "in_network": (2, 4), "two_level": (1, 2, 3, 4)}
BOXES = {4: (2, 2), 6: (3, 2), 8: (2, 2, 2), 12: (2, 3, 2), 16: (4, 4)}


def cases() -> list[Any]:
    found = []
    for name, module in ALGORITHMS.items():
        for kind in sorted(module.KINDS):
            for n in (2, 3, 4, 5, 6, 7, 8, 12, 16):
                if name == "halving_doubling" and n & (n - 1):
                    continue
                found.append(pytest.param(name, kind, n, {}, id=f"{name}-{kind}-{n}"))
                if name == "bucket" and n in BOXES:
                    found.append(pytest.param(name, kind, n, {"shape": BOXES[n]}, id=f"{name}-{kind}-{BOXES[n]}"))
                for unit in UNITS.get(name, ()):
                    if n % unit == 0 and n > unit and not (name == "in_network" and kind != "all_reduce"):
                        found.append(pytest.param(name, kind, n, {"per_unit": unit}, id=f"{name}-{kind}-{n}by{unit}"))
                        if name == "in_network":
                            options = {"per_unit": unit, "sharp": True}
                            found.append(pytest.param(name, kind, n, options, id=f"sharp-{kind}-{n}by{unit}"))
    return found


def make(name: str, kind: str, n: int, options: dict[str, Any]) -> Schedule:
    return ALGORITHMS[name].schedule(kind, n, SIZE, **options)


@pytest.mark.parametrize(("name", "kind", "n", "options"), cases())
def test_everyone_ends_with_the_right_data(name: str, kind: str, n: int, options: dict[str, Any]) -> None:
    schedule = make(name, kind, n, options)
    if kind == "reduce_scatter":
        owners = owners_after(schedule)
        assert sorted(owners) == list(range(schedule.chunks))
        assert sorted(owners.values()) == sorted(list(range(n)) * (schedule.chunks // n))
        return
    owners = None
    if kind == "all_gather":
        scatters = "reduce_scatter" in ALGORITHMS[name].KINDS
        owners = owners_after(make(name, "reduce_scatter", n, options)) if scatters else {i: i for i in range(n)}
    held = run(schedule, inputs(schedule, owners))
    for rank in range(n):
        got = held[rank]
        if kind == "all_reduce":
            assert all(got[c] == whole(n) for c in range(schedule.chunks))
        elif kind == "all_gather":
            assert owners is not None
            assert all(got[c] == {owners[c]: 1} for c in range(schedule.chunks))
        elif kind == "broadcast":
            assert all(got[c] == {0: 1} for c in range(schedule.chunks))
        elif kind == "reduce" and rank == 0:
            assert all(got[c] == whole(n) for c in range(schedule.chunks))
        elif kind == "all_to_all":
            assert all(got[i * n + rank] == {i: 1} for i in range(n))
        elif kind == "send_recv":
            assert got[(rank - 1) % n] == {(rank - 1) % n: 1}


def test_a_ring_is_two_phases_however_many_ranks() -> None:
    schedule = make("ring", "all_reduce", 512, {})
    assert [phase.repeat for phase in schedule.phases] == [511, 511]
    assert schedule.steps == 2 * 511
    assert schedule.total_bytes == pytest.approx(2 * 511 * SIZE)


def test_halving_doubling_refuses_what_is_not_a_power_of_two() -> None:
    with pytest.raises(ConfigError, match="power of two ranks, read 12; use ring or tree"):
        make("halving_doubling", "all_reduce", 12, {})


@pytest.mark.parametrize("name", ["tree", "hierarchical", "in_network", "two_level"])
def test_units_must_fill(name: str) -> None:
    with pytest.raises(ConfigError, match="do not fill units of 4"):
        make(name, "all_to_all" if name == "two_level" else "all_reduce", 6, {"per_unit": 4})


def test_in_network_across_units_is_for_all_reduce_only() -> None:
    with pytest.raises(ConfigError, match="works inside one scale-up unit; the group spans 2"):
        make("in_network", "broadcast", 8, {"per_unit": 4})
