"""The package's own parts: nothing lost, everything sourced, every reference to another part good."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from weft.catalog import Catalog, load_catalog
from weft.catalog.field_units import field_unit
from weft.catalog.store import DATA

# parts compiled for the first catalog, and how many facts they had; a kind may grow, never shrink
FLOOR = {
    "accelerators": (40, 358),
    "media": (75, 483),
    "nics": (19, 78),
    "ocs": (32, 104),
    "protocols": (50, 210),
    "reliability": (69, 210),
    "switches": (34, 253),
    "systems": (33, 93),
}


@pytest.fixture(scope="module")
def cat() -> Catalog:
    return load_catalog()


@pytest.mark.parametrize("kind", FLOOR)
def test_no_part_or_fact_is_lost(cat: Catalog, kind: str) -> None:
    parts = cat.parts(kind)
    assert len(parts) >= FLOOR[kind][0]
    assert sum(len(part.facts) for part in parts) >= FLOOR[kind][1]


def test_every_fact_and_part_has_sources_that_resolve(cat: Catalog) -> None:
    for part in cat:
        assert part.sources
        for source in (*part.sources, *(s for fact in part.facts.values() for s in fact.sources)):
            assert cat.source(source).title


def test_every_cited_address_is_a_web_address_or_says_why_not(cat: Catalog) -> None:
    for part in cat:
        for source in map(cat.source, part.sources):
            assert source.url.startswith(("http://", "https://")) or source.url == "" or "not linked" in source.url


def test_ranges_are_ordered_and_own_estimates_are_called_estimates(cat: Catalog) -> None:
    for part in cat:
        for name, fact in part.facts.items():
            assert fact.low <= fact.typical <= fact.high, (part.id, name)
            if fact.sources == ("own_est",):
                assert fact.confidence == "estimate", (part.id, name)


def test_a_fact_said_to_be_recalled_is_never_its_own_estimate(cat: Catalog) -> None:
    assert not [
        (part.id, name)
        for part in cat
        for name, fact in part.facts.items()
        if fact.recalled and fact.sources == ("own_est",)
    ]


@pytest.mark.parametrize(
    ("kind", "field", "target"),
    [
        ("systems", "accelerator", "accelerators"),
        ("systems", "nic", "nics"),
        ("systems", "scale_up_switch", "switches"),
        ("systems", "scale_up_protocol", "protocols"),
        ("accelerators", "scale_up_protocol", "protocols"),
    ],
)
def test_references_to_other_parts_resolve(cat: Catalog, kind: str, field: str, target: str) -> None:
    named = [part.text(field) for part in cat.parts(kind) if part.text(field)]
    assert len(named) >= 14
    for part_id in named:
        cat.get(target, str(part_id))


def test_a_nodes_switches_have_a_port_for_every_link_of_its_accelerators(cat: Catalog) -> None:
    """Accelerator bandwidth times accelerators fits into the scale-up switches (conservation of ports)."""
    checked = 0
    for system in cat.parts("systems"):
        switch = system.text("scale_up_switch")
        accelerator = system.text("accelerator")
        if switch is None or accelerator is None:
            continue
        into = cat.get("accelerators", accelerator).si("scale_up_gBps_uni") * system.si("accelerators")
        # a DGX-2 joins its two boards of six switches by as many trunks as it has accelerator links
        trunks = 2 if system.id == "dgx2" else 1
        capacity = cat.get("switches", switch).si("capacity_tbps") * system.si("scale_up_switches")
        assert into * trunks <= capacity * 1.0001, system.id
        checked += 1
    assert checked >= 10


def test_port_count_times_rate_is_the_capacity(cat: Catalog) -> None:
    two_boxes_or_fabric_side = {"nv_q3200", "bcm_jericho3_ai"}
    for switch in cat.parts("switches"):
        if switch.has("ports_count") and switch.id not in two_boxes_or_fabric_side:
            ports = switch.si("ports_count") * switch.si("port_rate_gbps")
            assert ports == pytest.approx(switch.si("capacity_tbps"), rel=1e-6), switch.id
            assert switch.si("radix_max") >= switch.si("ports_count"), switch.id


def test_scale_up_rate_of_an_accelerator_is_that_of_its_protocol(cat: Catalog) -> None:
    bridged_or_cut = {"a100_pcie_40", "a100_pcie_80", "h100_pcie", "h100_nvl", "h800_sxm"}
    checked = 0
    for accelerator in cat.parts("accelerators"):
        protocol = accelerator.text("scale_up_protocol")
        if protocol is None or accelerator.id in bridged_or_cut:
            continue
        link = cat.get("protocols", protocol)
        name = next((n for n in ("gpu_gBps_uni", "chip_gBps_uni", "x16_gBps_uni") if link.has(n)), None)
        if name is None:
            continue  # a protocol whose direction or rate is not published
        assert accelerator.si("scale_up_gBps_uni") == pytest.approx(link.si(name)), accelerator.id
        checked += 1
    assert checked >= 25


def test_a_node_speaks_the_protocol_of_its_accelerators(cat: Catalog) -> None:
    for system in cat.parts("systems"):
        name = system.text("accelerator")
        protocol = cat.get("accelerators", name).text("scale_up_protocol") if name else None
        if protocol and system.text("scale_up_protocol") not in (None, "pcie5"):
            assert system.text("scale_up_protocol") == protocol, system.id


def test_derived_price_per_rate_and_energy_follow_from_price_power_and_rate(cat: Catalog) -> None:
    for medium in cat.parts("media"):
        if medium.has("price_usd_per_gbps"):
            expected = medium.si("price_usd") / medium.si("rate_gbps_port")
            assert medium.si("price_usd_per_gbps") == pytest.approx(expected, rel=5e-3), medium.id
        if medium.has("pj_per_bit_per_end"):
            expected = medium.si("power_w_per_end") / medium.si("rate_gbps_port")
            assert medium.si("pj_per_bit_per_end") == pytest.approx(expected, rel=5e-2), medium.id


def test_afr_and_fit_agree(cat: Catalog) -> None:
    year_s = 365 * 86400.0
    for part in cat.parts("reliability"):
        if part.has("afr_pct") and part.has("fit"):
            assert part.si("afr_pct") == pytest.approx(part.si("fit") * year_s, rel=0.01), part.id


def test_contradictions_concern_parts_and_facts_that_exist(cat: Catalog) -> None:
    assert len(cat.contradictions()) >= 27
    about = {c.id: [part for part in cat if c in cat.contradictions(part)] for c in cat.contradictions()}
    for c in cat.contradictions():
        assert about[c.id], c.id
        fields = {name for part in about[c.id] for name in part.facts}
        assert fields & set(c.fields), c.id
        for source in c.sources:
            cat.source(source)


def test_all_files_hold_the_kind_they_are_named_for_and_speak_only_of_published_things() -> None:
    for path in DATA.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.stem not in ("sources", "contradictions"):
            assert f"kind: {path.stem}\n" in text
        for phrase in ("stored", "file index", "text id", "../", "/work"):
            assert phrase not in text, (path.name, phrase)


def test_units_of_fields_that_are_read_everywhere(cat: Catalog) -> None:
    for kind in FLOOR:
        for part in cat.parts(kind):
            for name, fact in part.facts.items():
                assert fact.unit == field_unit(name).label
                if name.split("_")[0] in ("price", "latency", "hbm", "tdp", "reach"):
                    assert fact.unit, name


def test_the_same_catalog_is_returned_and_its_revision_is_stable() -> None:
    assert load_catalog() is load_catalog()
    assert Catalog().revision == load_catalog().revision


def test_loading_every_kind_is_fast_and_one_kind_reads_one_file() -> None:
    code = (
        "import time; t = time.process_time()\n"
        "from weft.catalog.store import Catalog\n"
        "start = time.process_time(); cat = Catalog(); cat.get('accelerators', 'h100_sxm')\n"
        "assert set(cat._documents) == {'accelerators'}, cat._documents\n"
        "list(cat); print(time.process_time() - start)"
    )
    start = time.process_time()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(out.stdout) < 1.0, "0.2 s on an idle machine"
    assert time.process_time() - start < 30


def test_data_files_are_in_the_package() -> None:
    assert Path(DATA).is_relative_to(Path(sys.modules["weft"].__file__ or "").parent)
