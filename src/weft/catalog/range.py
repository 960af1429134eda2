"""A figure that is not known exactly: low, typical and high, carried through sums and products."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Three values of one quantity, ``low <= typical <= high``.

    Adding ranges adds their ends (all low together, all high together: the widest outcome); a number scales all three.
    """

    low: float
    typical: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A range of no width."""
        return cls(value, value, value)

    def __add__(self, other: Range | float | int) -> Range:
        if isinstance(other, Range):
            return Range(self.low + other.low, self.typical + other.typical, self.high + other.high)
        if isinstance(other, int | float):
            return Range(self.low + other, self.typical + other, self.high + other)
        return NotImplemented

    __radd__ = __add__

    def __mul__(self, factor: float | int) -> Range:
        if not isinstance(factor, int | float):
            return NotImplemented
        scaled = (self.low * factor, self.typical * factor, self.high * factor)
        return Range(*scaled) if factor >= 0 else Range(*scaled[::-1])

    __rmul__ = __mul__

    def as_dict(self) -> dict[str, float]:
        """``{"low": ..., "typical": ..., "high": ...}``, as JSON output has it."""
        return {"low": self.low, "typical": self.typical, "high": self.high}
