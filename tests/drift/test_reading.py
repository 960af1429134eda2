"""Whatever is in a file, it is read or refused; and FRR's ways to say the same are read as the same."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.drift.comparing import compare
from weft.drift.facts import DeviceFacts, NotReadable
from weft.drift.frr_reading import read_frr
from weft.drift.sonic_reading import read_sonic
from weft.export.configs.frr import frr_conf
from weft.export.configs.sonic import config_db
from weft.fabric import build_fabric, load_cluster
from weft.underlay import build_underlay

ROOT = Path(__file__).resolve().parents[2]
UNDERLAY = build_underlay(build_fabric(load_cluster(ROOT / "examples/lab/leaf-spine/cluster.yaml")))
LINES = frr_conf(UNDERLAY, UNDERLAY.device("leaf0")).splitlines()
TABLES = json.loads(json.dumps(config_db(UNDERLAY, UNDERLAY.device("leaf0"))))
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, 8), st.text(max_size=12)), min_size=1, max_size=4)
)
def test_damaged_frr_is_read_or_refused(damages: list[tuple[int, int, str]]) -> None:
    lines = list(LINES)
    for number, word, text in damages:
        words = lines[number].split(" ")
        words[word : word + 1] = [text]
        lines[number] = " ".join(words)
    with contextlib.suppress(NotReadable):
        list(compare(read_frr("\n".join(lines), None), DeviceFacts("leaf0")))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(TABLES)), st.integers(0, 30), ANY, st.booleans())
def test_damaged_sonic_is_read_or_refused(table: str, number: int, value: object, row: bool) -> None:
    tables = json.loads(json.dumps(TABLES))
    keys = sorted(tables[table])
    key = keys[number % len(keys)]
    if row or not tables[table][key]:
        tables[table][key] = value
    elif isinstance(tables[table][key], dict):
        tables[table][key][sorted(tables[table][key])[0]] = value
    with contextlib.suppress(NotReadable):
        list(compare(read_sonic(json.dumps(tables)), DeviceFacts("leaf0")))


@given(ANY)
def test_any_json_is_read_or_refused(value: object) -> None:
    with contextlib.suppress(NotReadable):
        read_sonic(json.dumps(value))


@pytest.mark.parametrize(
    "session",
    [
        " neighbor swp1 interface remote-as external\n neighbor swp1 bfd",
        " neighbor swp1 interface v6only remote-as external\n neighbor swp1 bfd profile p",
        " neighbor up peer-group\n neighbor up remote-as external\n neighbor up bfd\n"
        " neighbor swp1 interface peer-group up",
        " neighbor up peer-group\n neighbor up bfd profile p\n neighbor swp1 interface remote-as external\n"
        " neighbor swp1 peer-group up",
    ],
)
def test_ways_to_write_a_session(session: str) -> None:
    found = read_frr(f"hostname a\nrouter bgp 65000\n{session}\nexit\n", None).neighbours
    assert set(found) == {"swp1"}
    assert (found["swp1"].asn, found["swp1"].bfd, found["swp1"].up) == (None, True, True)


def test_a_session_without_an_as_is_none() -> None:
    assert read_frr("router bgp 65000\n neighbor 10.0.0.1 description x\n", None).neighbours == {}


def test_redistributed_loopbacks_are_announced() -> None:
    text = "interface lo\n ip address 1.2.3.4/32\nexit\nrouter bgp 1\n redistribute connected\nexit\n"
    assert read_frr(text, None).announced == {"1.2.3.4/32"}


def test_a_group_is_down_with_all_its_members() -> None:
    text = "router bgp 1\n neighbor g peer-group\n neighbor g remote-as 2\n neighbor g shutdown\n"
    assert not read_frr(text + " neighbor 10.0.0.1 peer-group g\n", None).neighbours["10.0.0.1"].up
