"""Quantities in and out: users write ``400Gb/s``, Weft computes in SI.

Parsing happens once, at the edge. Bits and bytes are never guessed: ``400Gb/s`` is
5e10 B/s, ``400GB/s`` is 4e11 B/s, and ``400G`` or ``400gb/s`` is refused with the two readings
offered. Prefixes are exact: k, M, G, T, P, E are powers of 1000; Ki, Mi, Gi, Ti, Pi powers of 1024.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from weft.errors import ConfigError

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SMALL = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3}
_NUMBER = re.compile(r"\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*$")


def _scaled(prefixes: dict[str, float], unit: str, factor: float = 1.0) -> dict[str, float]:
    return {prefix + unit: scale * factor for prefix, scale in prefixes.items()}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One kind of quantity: its SI unit, the spellings it accepts, and examples for error messages."""

    name: str
    si: str
    units: dict[str, float]
    example: str
    ambiguous: frozenset[str] = frozenset()
    bare_number: bool = False
    signed: bool = False


_BITS = _scaled(_DECIMAL, "b/s", 1 / 8) | _scaled(_DECIMAL, "bps", 1 / 8) | _scaled(_DECIMAL, "bit/s", 1 / 8)
_BYTES = _scaled(_DECIMAL | _BINARY, "B/s")

RATE = Dimension("rate", "B/s", _BITS | _BYTES, "400Gb/s or 50GB/s", frozenset("kMGT"))
SIZE = Dimension("size", "B", _scaled(_DECIMAL | _BINARY, "B"), "8GB or 1GiB", frozenset("kMGT"), bare_number=True)
DURATION = Dimension(
    "duration",
    "s",
    _scaled({"": 1.0, **_SMALL}, "s") | {"min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "y": 365.25 * 86400.0},
    "2us or 30m",
)
POWER = Dimension("power", "W", _scaled(_DECIMAL | {"m": 1e-3}, "W"), "700W or 25MW")
LENGTH = Dimension("length", "m", {"m": 1.0, "km": 1e3, "cm": 1e-2, "mm": 1e-3}, "3m or 80km")
MONEY = Dimension("money", "USD", _scaled({"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9}, "USD"), "1700USD", bare_number=True)
COMPUTE = Dimension("compute rate", "FLOP/s", _scaled(_DECIMAL, "FLOP/s") | _scaled(_DECIMAL, "FLOPS"), "989TFLOP/s")
COUNT = Dimension("count", "", {"": 1.0, **_DECIMAL, **_BINARY}, "16M or 16Mi", bare_number=True)
CARBON = Dimension(
    "carbon intensity", "kg/J", {"kgCO2/kWh": 1 / 3.6e6, "gCO2/kWh": 1e-3 / 3.6e6}, "0.4kgCO2/kWh or 400gCO2/kWh"
)
ENERGY_PRICE = Dimension("energy price", "USD/J", {"USD/kWh": 1 / 3.6e6, "USD/MWh": 1 / 3.6e9}, "0.08USD/kWh")


def parse(text: str | float | int, dimension: Dimension) -> float:
    """Read a quantity and return it in SI.

    Args:
        text: ``"400Gb/s"``, ``"1GiB"`` ...; a bare number only where the dimension allows it.
        dimension: what is expected, such as `RATE`.

    Raises:
        ConfigError: not a number, unknown or ambiguous unit, negative, or not finite.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ConfigError(f"expected a {dimension.name} such as {dimension.example}, read {text!r}")
    if not isinstance(text, str):
        value, unit = float(text), ""
    else:
        match = _NUMBER.match(text)
        if match is None:
            raise ConfigError(f"expected a {dimension.name} such as {dimension.example}, read {text[:60]!r}")
        value, unit = float(match[1].replace("_", "")), match[2] or ""
    if not unit and dimension.bare_number:
        scale = 1.0
    elif not unit:
        raise ConfigError(f"the {dimension.name} {text!r} has no unit; write one, such as {dimension.example}")
    elif unit in dimension.units:
        scale = dimension.units[unit]
    else:
        raise ConfigError(_unit_complaint(str(text), unit, dimension))
    result = value * scale
    if not math.isfinite(result):
        raise ConfigError(f"the {dimension.name} {str(text)[:60]!r} is not a finite number")
    if result < 0 and not dimension.signed:
        raise ConfigError(f"the {dimension.name} {str(text)[:60]!r} is negative")
    return result


def _unit_complaint(text: str, unit: str, dimension: Dimension) -> str:
    number = text.strip()[: -len(unit)].strip() if text.strip().endswith(unit) else text
    if unit in dimension.ambiguous:
        choices = [u for u in dimension.units if u in {unit + "b/s", unit + "B/s", unit + "B", unit + "iB"}]
        return f"{text!r} does not say bits or bytes; write {' or '.join(number + u for u in choices)}"
    folded = [u for u in dimension.units if u.lower() == unit.lower()]
    if folded:
        return f"unit {unit!r} in {text!r} is not exact about case; write {' or '.join(number + u for u in folded)}"
    return f"unknown unit {unit[:20]!r} in {text[:60]!r}; a {dimension.name} looks like {dimension.example}"


def _steps(value: float, steps: list[tuple[float, str]], digits: int = 4) -> str:
    for scale, unit in steps:
        if abs(value) >= scale:
            return f"{value / scale:.{digits}g} {unit}"
    scale, unit = steps[-1]
    return f"{value / scale:.{digits}g} {unit}"


def format_rate(bytes_per_s: float) -> str:
    """``5e10`` → ``"400 Gb/s"``: network rates are read in bits."""
    return _steps(bytes_per_s * 8, [(1e15, "Pb/s"), (1e12, "Tb/s"), (1e9, "Gb/s"), (1e6, "Mb/s"), (1, "b/s")])


def format_size(size_bytes: float) -> str:
    """``2**30`` → ``"1 GiB"``."""
    return _steps(
        size_bytes, [(2.0**50, "PiB"), (2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (1024, "KiB"), (1, "B")]
    )


def format_duration(seconds: float) -> str:
    """``2e-6`` → ``"2 us"``."""
    return _steps(seconds, [(86400, "d"), (3600, "h"), (1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")])


def format_power(watts: float) -> str:
    """``2.5e7`` → ``"25 MW"``."""
    return _steps(watts, [(1e9, "GW"), (1e6, "MW"), (1e3, "kW"), (1, "W")])


def format_energy(joules: float) -> str:
    """``3.6e12`` → ``"1 GWh"``: energy bills are read in watt-hours."""
    return _steps(joules / 3600, [(1e12, "TWh"), (1e9, "GWh"), (1e6, "MWh"), (1e3, "kWh"), (1, "Wh")])


def format_mass(kg: float) -> str:
    """``1.5e6`` → ``"1500 t"``."""
    return _steps(kg, [(1e9, "Mt"), (1e3, "t"), (1, "kg")])


def format_money(usd: float) -> str:
    """``1.5e6`` → ``"1.5 M USD"``."""
    return _steps(usd, [(1e9, "B USD"), (1e6, "M USD"), (1e3, "k USD"), (1, "USD")], digits=3)


def format_count(number: float) -> str:
    """``16384`` → ``"16,384"``."""
    return f"{number:,.0f}"
