"""One line of a bill: a kind of part, how many, what each costs and draws, and the catalog rows it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weft.catalog import Range
from weft.economics.figures import ZERO, Basis


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of part.

    Attributes:
        kind: ``switch``, ``nic``, ``cable`` (both ends in one), ``module`` (one at each end), ``fibre`` (between
            modules), ``ocs``, ``transponder`` (one at each end of a long-haul link), ``amplifier``, ``mux``,
            ``dark_fibre`` (rented), ``rack``, ``spare`` or ``scale_up_switch``.
        part: catalog id.
        name: for people.
        count: how many.
        unit_cost: USD each; of rented things, a year.
        unit_power_w: drawn by each: a cable's both ends, a module's own.
        use: where it goes, such as ``leaf`` or ``leaf-spine``.
        sources: ids of the sources of price and power.
        basis: the catalog rows behind price and power.
        domain: which network: ``scale-out``, ``scale-up`` ...
        links: links that it carries: on lines of cables, of fibre and of transponders, each link once.
    """

    kind: str
    part: str
    name: str
    count: int
    unit_cost: Range
    unit_power_w: Range
    use: str = ""
    sources: tuple[str, ...] = ()
    basis: tuple[Basis, ...] = ()
    domain: str = "scale-out"
    links: int = 0

    @property
    def cost(self) -> Range:
        """USD for all of them."""
        return self.unit_cost * self.count

    @property
    def power_w(self) -> Range:
        """Watts of all of them."""
        return self.unit_power_w * self.count


def total(ranges: Iterable[Range]) -> Range:
    """Add ranges; zero if there are none."""
    return sum(ranges, ZERO)
