"""The unit of a fact is written in its name; this reads it.

``hbm_tBps`` is in terabytes a second, ``power_w_per_end`` in watts, ``propagation_ns_per_m`` in nanoseconds a metre,
``failures_per_1000_node_days`` in 1/(1000 days). A name without a unit (``links_per_gpu``) is a plain number.
Bits and bytes differ by case only (``gbps`` and ``gBps``), so names are read exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

_HOUR = 3600.0
_DAY = 24 * _HOUR
_YEAR = 365.25 * _DAY
_BIT = 1 / 8

# token -> (how people write it, SI unit, how many of the SI unit)
_UNITS: dict[str, tuple[str, str, float]] = {
    "w": ("W", "W", 1.0),
    "kw": ("kW", "W", 1e3),
    "mw": ("MW", "W", 1e6),
    "fs": ("fs", "s", 1e-15),
    "ps": ("ps", "s", 1e-12),
    "ns": ("ns", "s", 1e-9),
    "us": ("us", "s", 1e-6),
    "ms": ("ms", "s", 1e-3),
    "s": ("s", "s", 1.0),
    "seconds": ("s", "s", 1.0),
    "minutes": ("min", "s", 60.0),
    "hours": ("h", "s", _HOUR),
    "days": ("d", "s", _DAY),
    "years": ("y", "s", _YEAR),
    "nm": ("nm", "m", 1e-9),
    "um": ("um", "m", 1e-6),
    "mm": ("mm", "m", 1e-3),
    "m": ("m", "m", 1.0),
    "km": ("km", "m", 1e3),
    "mm2": ("mm2", "m2", 1e-6),
    "db": ("dB", "dB", 1.0),
    "ghz": ("GHz", "Hz", 1e9),
    "gbd": ("GBd", "Bd", 1e9),
    "mbps": ("Mb/s", "B/s", 1e6 * _BIT),
    "gbps": ("Gb/s", "B/s", 1e9 * _BIT),
    "tbps": ("Tb/s", "B/s", 1e12 * _BIT),
    "pbps": ("Pb/s", "B/s", 1e15 * _BIT),
    "mBps": ("MB/s", "B/s", 1e6),
    "gBps": ("GB/s", "B/s", 1e9),
    "tBps": ("TB/s", "B/s", 1e12),
    "pBps": ("PB/s", "B/s", 1e15),
    "bytes": ("B", "B", 1.0),
    "kib": ("KiB", "B", 2.0**10),
    "mib": ("MiB", "B", 2.0**20),
    "gib": ("GiB", "B", 2.0**30),
    "kb": ("kB", "B", 1e3),
    "mb": ("MB", "B", 1e6),
    "gb": ("GB", "B", 1e9),
    "tb": ("TB", "B", 1e12),
    "pb": ("PB", "B", 1e15),
    "usd": ("USD", "USD", 1.0),
    "kg": ("kg", "kg", 1.0),
    "kwh": ("kWh", "J", 3.6e6),
    "pct": ("%", "", 1e-2),
    "fit": ("FIT", "1/s", 1 / (1e9 * _HOUR)),
    "flops": ("FLOP/s", "FLOP/s", 1.0),
    "gflops": ("GFLOP/s", "FLOP/s", 1e9),
    "tflops": ("TFLOP/s", "FLOP/s", 1e12),
    "tops": ("TOP/s", "OP/s", 1e12),
    "pflops": ("PFLOP/s", "FLOP/s", 1e15),
    "exaflops": ("EFLOP/s", "FLOP/s", 1e18),
    "gt": ("GT", "T", 1e9),
    "pj": ("pJ", "J", 1e-12),
    "mops": ("MOP/s", "OP/s", 1e6),
    "pps": ("packet/s", "packet/s", 1.0),
    "mpps": ("Mpacket/s", "packet/s", 1e6),
}
# what may stand after "per" besides a unit; a thing (end, port, gpu) does not change the unit
_PER: dict[str, tuple[str, str, float]] = {
    "bit": ("bit", "B", _BIT),
    "hour": ("h", "s", _HOUR),
    "day": ("d", "s", _DAY),
    "days": ("d", "s", _DAY),
    "month": ("month", "s", _YEAR / 12),
    "year": ("y", "s", _YEAR),
}
DIMENSIONLESS_ENDINGS = ("frac", "x", "count", "ratio")


@dataclass(frozen=True, slots=True)
class FieldUnit:
    """A field's unit: as people write it, in SI, and the factor between the two."""

    label: str
    si: str
    factor: float

    @property
    def signed(self) -> bool:
        """True where a negative value makes sense (decibels)."""
        return self.si.startswith("dB")


@cache
def field_unit(name: str) -> FieldUnit:
    """Return the unit written in a field's name; a dimensionless `FieldUnit` where there is none.

    ``price_usd_per_gbps`` → label ``USD/(Gb/s)``, SI ``USD/(B/s)``, factor 8e-9. Energy per bit becomes
    J/B, so that it multiplies with a rate in B/s. ``billion`` anywhere in the name multiplies by 1e9.
    """
    above, *below = [part.split("_") for part in name.split("_per_")]
    known = [token for token in above if token in _UNITS]
    label, si, factor = _UNITS[known[-1]] if known else ("", "", 1.0)
    if "billion" in above:
        label, factor = f"billion {label}".strip(), factor * 1e9
    if below:
        label, si, factor = _divide(label, si, factor, below[0], bool(known))
    return FieldUnit(label, si, factor)


def _divide(label: str, si: str, factor: float, tokens: list[str], has_unit: bool) -> tuple[str, str, float]:
    """Divide by what stands after ``per``; a bare count above needs a time below to have a unit at all."""
    for token in tokens:
        unit = _PER.get(token) or (_UNITS.get(token) if has_unit else None)
        if unit is None:
            factor /= float(token) if token.isdigit() and any(t in _PER for t in tokens) else 1.0
            continue
        label = f"{label or '1'}/{_bracket(unit[0])}"
        si = f"{si or '1'}/{_bracket(unit[1])}"
        factor /= unit[2]
    return label, si, factor


def _bracket(unit: str) -> str:
    return f"({unit})" if "/" in unit else unit


def has_unit(name: str) -> bool:
    """True where the name says its unit, or says that it has none (``_x``, ``_frac``, ``_count``, ``_ratio``)."""
    return bool(field_unit(name).label) or name.rsplit("_", 1)[-1] in DIMENSIONLESS_ENDINGS
