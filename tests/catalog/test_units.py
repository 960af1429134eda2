"""Units in names, and ranges: against the definitions of the units, and by properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import units
from weft.catalog import Fact, Part, Range
from weft.catalog.field_units import field_unit, has_unit

finite = st.floats(min_value=0, max_value=1e12, allow_nan=False)

# the same quantity written by a user with its unit must mean the same as the field's name says
AS_USERS_WRITE = [
    ("port_gbps", "Gb/s", units.RATE),
    ("capacity_tbps", "Tb/s", units.RATE),
    ("scale_up_gBps_uni", "GB/s", units.RATE),
    ("hbm_tBps", "TB/s", units.RATE),
    ("hbm_gb", "GB", units.SIZE),
    ("buffer_mb", "MB", units.SIZE),
    ("latency_ns", "ns", units.DURATION),
    ("reconfig_us", "us", units.DURATION),
    ("reconfig_ms", "ms", units.DURATION),
    ("mttf_hours", "h", units.DURATION),
    ("days", "d", units.DURATION),
    ("mttf_years", "y", units.DURATION),
    ("tdp_w", "W", units.POWER),
    ("power_kw_max", "kW", units.POWER),
    ("power_mw", "MW", units.POWER),
    ("reach_m", "m", units.LENGTH),
    ("span_km", "km", units.LENGTH),
    ("price_usd", "USD", units.MONEY),
    ("bf16_dense_tflops", "TFLOP/s", units.COMPUTE),
]


@given(value=finite)
@pytest.mark.parametrize(("field", "unit", "dimension"), AS_USERS_WRITE)
def test_a_field_means_what_the_same_text_means(
    field: str, unit: str, dimension: units.Dimension, value: float
) -> None:
    assert value * field_unit(field).factor == pytest.approx(units.parse(f"{value!r}{unit}", dimension), rel=1e-12)
    assert field_unit(field).label == unit


@pytest.mark.parametrize(
    ("field", "si", "factor"),
    [
        ("fit", "1/s", 1 / (1e9 * 3600)),
        ("fit_per_gpu", "1/s", 1 / (1e9 * 3600)),
        ("afr_pct", "", 0.01),
        ("failure_pct_per_day", "1/s", 0.01 / 86400),
        ("failures_per_1000_node_days", "1/s", 1 / (1000 * 86400)),
        ("flaps_per_day", "1/s", 1 / 86400),
        ("propagation_ns_per_m", "s/m", 1e-9),
        ("attenuation_db_per_km_1310", "dB/m", 1e-3),
        ("price_usd_per_gbps", "USD/(B/s)", 8e-9),
        ("price_usd_per_port", "USD", 1),
        ("price_usd_per_km_month", "USD/m/s", 1 / (1000 * 365.25 / 12 * 86400)),
        ("pj_per_bit_per_end", "J/B", 8e-12),
        ("power_w_per_end", "W", 1),
        ("rate_gbps_port", "B/s", 1.25e8),
        ("shoreline_tbps_per_mm", "B/s/m", 1.25e14),
        ("areal_gBps_per_mm2", "B/s/m2", 1e15),
        ("pps_billion", "packet/s", 1e9),
        ("market_2026_billion_usd", "USD", 1e9),
        ("scale_out_gBps_per_gpu", "B/s", 1e9),
        ("gpu_hour_waste_pct", "", 0.01),
        ("links_per_gpu", "", 1),
        ("scale_up_domain", "", 1),
        ("bulkheads_min", "", 1),
        ("efficiency_4096B", "", 1),
        ("gt_per_s_lane", "T/s", 1e9),
    ],
)
def test_compound_units(field: str, si: str, factor: float) -> None:
    assert field_unit(field).si == si
    assert field_unit(field).factor == pytest.approx(factor, rel=1e-12)


def test_case_tells_bits_from_bytes() -> None:
    assert field_unit("port_gBps").factor == 8 * field_unit("port_gbps").factor


def test_names_that_say_whether_they_have_a_unit() -> None:
    assert all(map(has_unit, ("tdp_w", "cable_count", "claim_x", "gemm_frac", "flaps_per_day")))
    assert not any(map(has_unit, ("bf16_dense_tflop", "hbm", "price_dollars")))


ranges = st.tuples(finite, finite, finite).map(lambda values: Range(*sorted(values)))


@given(ranges, ranges, st.floats(min_value=-1e3, max_value=1e3))
def test_sums_and_products_keep_the_order(a: Range, b: Range, factor: float) -> None:
    for result in (a + b, a * factor, factor * a, a + factor, sum([a, b])):
        assert isinstance(result, Range)
        assert result.low <= result.typical <= result.high
    assert (a + b) == (b + a)
    assert a * 1 == a
    assert sum([a, b]) == a + b


@given(st.floats(allow_nan=True, allow_infinity=True) | st.text(max_size=5) | st.booleans() | st.none())
def test_a_fact_is_a_finite_number_or_refused(value: object) -> None:
    good = isinstance(value, float) and math.isfinite(value)
    try:
        fact = Fact.model_validate({"value": value, "src": "x", "conf": "press"})
    except ValueError:
        assert not good
    else:
        assert good and fact.low == fact.typical == fact.high == value


def test_a_plain_number_answers_as_a_fact_does() -> None:
    part = Part(id="a", kind="nics", name="A", sources=("x",), confidence="press", facts={}, plain={"mtu_bytes": 4096})
    assert part.has("mtu_bytes") and part.si("mtu_bytes") == 4096
    assert part.text("mtu_bytes") == "4096" and part.text("nothing") is None
