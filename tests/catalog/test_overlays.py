"""A user's own files over the catalog: what they change, what they keep, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.catalog import load_catalog
from weft.errors import ConfigError, UnknownName

OWN = """\
kind: accelerators
sources:
  quote: {title: A quotation}
parts:
- id: h100_sxm
  price_usd: {low: 21000, typical: 23500, high: 26000, src: quote, conf: measured}
- id: my_chip
  name: My chip
  bf16_dense_tflops: 500
  hbm_gb: {value: 64, src: [quote, own_est], conf: estimate, note: measured}
"""


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_overlay_replaces_what_it_states_and_keeps_the_rest(tmp_path: Path) -> None:
    base, cat = load_catalog(), load_catalog(write(tmp_path, OWN))
    h100 = cat.get("accelerators", "h100_sxm")
    assert h100.si_range("price_usd").as_dict() == {"low": 21000, "typical": 23500, "high": 26000}
    assert cat.source(h100.fact("price_usd").sources[0]).title == "A quotation"
    before = base.get("accelerators", "h100_sxm")
    assert {**before.facts, "price_usd": None} == {**h100.facts, "price_usd": None}
    assert before.fact("price_usd").typical == 28000, "the package's own part is untouched"


def test_an_overlay_adds_parts_with_bare_numbers(tmp_path: Path) -> None:
    cat = load_catalog(write(tmp_path, OWN))
    chip = cat.find("my_chip")
    assert chip.si("bf16_dense_tflops") == 500e12
    assert chip.fact("bf16_dense_tflops").sources == ("yours",)
    assert chip.fact("hbm_gb").sources == ("quote", "own_est")
    assert cat.parts("accelerators")[-1].id == "my_chip"
    with pytest.raises(UnknownName):
        load_catalog().find("my_chip")


def test_later_overlays_win_and_only_where_they_speak(tmp_path: Path) -> None:
    first = write(tmp_path, OWN)
    second = write(tmp_path, "kind: accelerators\nparts:\n- {id: my_chip, hbm_gb: 96}\n", "second.yaml")
    chip = load_catalog(first, second).find("my_chip")
    assert (chip.si("hbm_gb"), chip.si("bf16_dense_tflops"), chip.name) == (96e9, 500e12, "My chip")


def test_the_revision_tells_contents_apart(tmp_path: Path) -> None:
    revisions = {load_catalog().revision}
    for price in (1, 2):
        text = f"kind: nics\nparts:\n- {{id: cx7, price_usd: {price}}}\n"
        revisions.add(load_catalog(write(tmp_path, text, f"{price}.yaml")).revision)
    same = load_catalog(write(tmp_path, "kind: nics\nparts:\n- {id: cx7, price_usd: 2}\n", "copy.yaml")).revision
    assert len(revisions) == 3 and same in revisions


def nic(fact: str) -> str:
    return f"kind: nics\nparts:\n- id: cx7\n  {fact}\n"


BAD = [
    (nic("port_gbsp: 400"), 4, "port_gbsp", "did you mean 'port_gbps'"),
    (nic("port_gbsp: {value: 400, src: own_est, conf: estimate}"), 4, "port_gbsp", "did you mean 'port_gbps'"),
    (nic("weight_stones: {value: 4, src: own_est, conf: estimate}"), 4, "weight_stones", "unit"),
    (nic("power_w: {low: 30, typical: 25, high: 40}"), 4, "power_w", "low <= typical <= high"),
    (nic("power_w: {low: 30, typical: 35}"), 4, "power_w", "'high' is missing"),
    (nic("power_w: {value: 3, high: 35}"), 4, "power_w", "either value, or low"),
    (nic("power_w: {vlaue: 30, src: own_est}"), 4, "power_w", "vlaue"),
    (nic("power_w: {value: 30, src: own_es}"), 4, "power_w", "did you mean 'own_est'"),
    (nic("power_w: {value: 30, src: [3]}"), 4, "power_w", ""),
    (nic("power_w: {value: 30, src: []}"), 4, "power_w", ""),
    (nic("power_w: {value: 30, conf: hearsay}"), 4, "power_w", "datasheet"),
    (nic("power_w: {value: 30, unit: kW}"), 4, "power_w", "unit"),
    (nic("power_w: {value: thirty}"), 4, "power_w", "expected a number"),
    (nic("power_w: {value: true}"), 4, "power_w", "expected a number"),
    (nic("power_w: {value: [1, 2]}"), 4, "power_w", "expected a number"),
    (nic("power_w: -5"), 4, "power_w", "negative"),
    (nic("power_w: {low: -5, typical: 1, high: 2}"), 4, "power_w", "negative"),
    (nic("power_w: .inf"), 4, "", "finite"),
    (nic("power_w: thirty"), 4, "power_w", ""),
    (nic("pcei: Gen5"), 4, "pcei", "did you mean 'pcie'"),
    (nic("name: 7"), 4, "name", "text"),
    (nic("source: nobody"), 4, "source", "unknown source"),
    (nic("confidence: certain"), 4, "confidence", ""),
    ("kind: nics\nparts:\n- id: new_nic\n  port_gbps: 400\n", 3, "parts[0]", "no 'name'"),
    ("kind: nisc\nparts: []\n", 1, "kind", "did you mean 'nics'"),
    ("kind: sources\nparts: []\n", 1, "kind", "unknown kind"),
    ("parts: []\n", None, "kind", "one of"),
    ("kind: nics\npart: []\n", 2, "part", "did you mean 'parts'"),
    ("kind: nics\n", None, "parts", "list"),
    ("kind: nics\nparts: {a: 1}\n", 2, "parts", "list"),
    ("kind: nics\nparts:\n- cx7\n", 3, "parts[0]", "id"),
    ("kind: nics\nparts:\n- id: 7\n", 3, "parts[0]", "id"),
    ("kind: nics\nparts:\n- id: cx7\n- id: cx7\n", 4, "parts[1]", "twice"),
    ("kind: nics\nsources: [a]\nparts: []\n", 2, "sources", ""),
    ("kind: nics\nsources: {a: b}\nparts: []\n", 2, "sources.a", "title"),
    ("kind: nics\nsources: {a: {titel: b}}\nparts: []\n", 2, "sources.a", ""),
    ("", None, "", "empty"),
    ("- a\n", 1, "", ""),
    ("kind: [\n", None, "", ""),
    ("kind: nics\nkind: nics\n", 2, "", "twice"),
]


@pytest.mark.parametrize(("text", "line", "field", "says"), BAD)
def test_a_bad_overlay_is_one_located_line(tmp_path: Path, text: str, line: int | None, field: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_catalog(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    assert message.startswith(str(path))
    if line is not None:
        assert f":{line}:" in message, message
    assert field in message and says in message, message
    assert caught.value.exit_code == 2


def test_a_missing_overlay_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_catalog(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="folder"):
        load_catalog(tmp_path)


def test_the_second_overlay_is_blamed_for_its_own_mistake(tmp_path: Path) -> None:
    good = write(tmp_path, nic("power_w: 20"), "good.yaml")
    bad = write(tmp_path, nic("power_w: -20"), "bad.yaml")
    for paths in ((good, bad), (bad, good)):
        with pytest.raises(ConfigError, match=r"bad\.yaml:4"):
            load_catalog(*paths)


def test_unknown_names_suggest_the_nearest() -> None:
    cat = load_catalog()
    with pytest.raises(UnknownName, match="did you mean 'h100_sxm'"):
        cat.get("accelerators", "h100_sxn")
    with pytest.raises(UnknownName, match="did you mean 'accelerators'"):
        cat.get("acelerators", "h100_sxm")
    with pytest.raises(UnknownName, match="did you mean 'nv_qm9700'"):
        cat.find("nv_qm970")
    with pytest.raises(ConfigError, match="did you mean 'hbm_tBps'"):
        cat.get("accelerators", "h100_sxm").fact("hbm_tbps")


def test_an_id_that_two_kinds_share_needs_its_kind(tmp_path: Path) -> None:
    cat = load_catalog(write(tmp_path, "kind: switches\nparts:\n- {id: cx7, name: Not a NIC}\n"))
    with pytest.raises(ConfigError, match="nics and of switches; say which kind"):
        cat.find("cx7")
    assert (cat.get("switches", "cx7").name, cat.get("nics", "cx7").kind) == ("Not a NIC", "nics")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "low", "typical", "high", "src", "conf", "note", "recalled", "title"]) | scalars,
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
names = st.sampled_from(["id", "name", "source", "confidence", "power_w", "price_usd", "pcie", "notes", "claim_x"])
parts = st.lists(st.dictionaries(names | scalars, values | st.just("cx7"), max_size=5) | values, max_size=3)
documents = st.fixed_dictionaries(
    {}, optional={"kind": st.just("nics") | values, "parts": parts | values, "sources": values, "about": values}
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(documents)
def test_any_overlay_loads_or_is_a_one_line_config_error(tmp_path: Path, document: dict[str, object]) -> None:
    path = write(tmp_path, yaml.safe_dump(document))
    try:
        cat = load_catalog(path)
    except ConfigError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert len(cat.parts("nics")) >= 19
