"""Quantities: exact prefixes, bits against bytes, and refusals that say what was read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import units
from weft.errors import ConfigError
from weft.units import parse

DIMENSIONS = [
    units.RATE,
    units.SIZE,
    units.DURATION,
    units.POWER,
    units.LENGTH,
    units.MONEY,
    units.COMPUTE,
    units.COUNT,
    units.ENERGY_PRICE,
]


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("400Gb/s", units.RATE, 50e9),
        ("400GB/s", units.RATE, 400e9),
        ("400 Gbps", units.RATE, 50e9),
        ("1Tbit/s", units.RATE, 125e9),
        ("1GiB", units.SIZE, 2**30),
        ("1GB", units.SIZE, 10**9),
        ("8", units.SIZE, 8),
        ("2us", units.DURATION, 2e-6),
        ("30m", units.DURATION, 1800),
        ("30m", units.LENGTH, 30),
        ("25MW", units.POWER, 25e6),
        ("16M", units.COUNT, 16e6),
        ("16Mi", units.COUNT, 16 * 2**20),
        ("1_000km", units.LENGTH, 1e6),
        ("0.08USD/kWh", units.ENERGY_PRICE, 0.08 / 3.6e6),
        ("989TFLOP/s", units.COMPUTE, 989e12),
        ("1e3 W", units.POWER, 1000),
    ],
)
def test_reads_to_si(text: str, dimension: units.Dimension, expected: float) -> None:
    assert parse(text, dimension) == pytest.approx(expected, rel=1e-15)


def test_bits_and_bytes_differ_by_exactly_eight() -> None:
    for prefix in ("", "k", "M", "G", "T", "P"):
        assert parse(f"7{prefix}B/s", units.RATE) == 8 * parse(f"7{prefix}b/s", units.RATE)


@pytest.mark.parametrize(
    ("text", "dimension", "says"),
    [
        ("400G", units.RATE, "write 400Gb/s or 400GB/s"),
        ("400gb/s", units.RATE, "not exact about case"),
        ("400", units.RATE, "has no unit"),
        ("8G", units.SIZE, "write 8GB"),
        ("-1GB", units.SIZE, "negative"),
        ("1e999GB", units.SIZE, "not a finite number"),
        ("fast", units.RATE, "such as 400Gb/s"),
        ("3 parsec", units.LENGTH, "unknown unit 'parsec'"),
        ("", units.RATE, "expected a rate"),
        (True, units.SIZE, "expected a size"),
        (float("nan"), units.COUNT, "not a finite number"),
        (None, units.COUNT, "expected a count"),
    ],
)
def test_refusals_say_what_was_read(text: object, dimension: units.Dimension, says: str) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*$") as caught:
        parse(text, dimension)  # type: ignore[arg-type]
    assert says in str(caught.value)


@given(st.sampled_from(DIMENSIONS), st.floats(0, 1e12), st.data())
def test_number_and_unit_round_trip(dimension: units.Dimension, value: float, data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from(sorted(dimension.units)).filter(lambda u: u or dimension.bare_number))
    expected = value * dimension.units[unit]
    assert parse(f"{value!r}{unit}", dimension) == expected
    assert parse(f"  {value!r} {unit} ", dimension) == expected


@given(st.sampled_from(DIMENSIONS), st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(dimension: units.Dimension, text: str) -> None:
    try:
        assert parse(text, dimension) >= 0
    except ConfigError as error:
        assert "\n" not in str(error)


@given(st.floats(1, 1e17))
def test_what_is_printed_can_be_read_back(value: float) -> None:
    assert parse(units.format_rate(value), units.RATE) == pytest.approx(value, rel=1e-3)
    assert parse(units.format_size(value), units.SIZE) == pytest.approx(value, rel=1e-3)
    assert parse(units.format_power(value), units.POWER) == pytest.approx(value, rel=1e-3)


@given(st.floats(1e-9, 1e9))
def test_printed_durations_can_be_read_back(value: float) -> None:
    assert parse(units.format_duration(value), units.DURATION) == pytest.approx(value, rel=1e-3)
