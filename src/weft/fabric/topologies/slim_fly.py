"""Slim Fly: routers at the points of a McKay-Miller-Širáň graph, so that any two are at most two hops apart.

Counts, for a prime power q = 4w + δ with δ in {-1, 0, 1}: 2q² routers of degree k' = (3q - δ) / 2, q² k' links,
diameter 2, p = ⌈k' / 2⌉ host ports a router by default. q = 5 is the Hoffman-Singleton graph: 50 routers of degree 7,
as many as can be. Router (0, x, y) is joined to (0, x, y') where y - y' is in X, (1, m, c) to (1, m, c') where c - c'
is in X', and (0, x, y) to (1, m, c) where y = m x + c; X and X' are sets of powers of a primitive element of GF(q).

Bisection: at least q³ / 2 links, at most (q³ + q) / 2, and exactly q³ / 2 for even q; the lower bound is reported. The
characters of (GF(q), +) split the adjacency matrix into blocks: eigenvalues k', k' - q, and pairs of modulus about
√(5q) / 2, so that the second smallest eigenvalue of the Laplacian is q and every halving cuts q · 2q² / 4 links
(M. Fiedler, 1973). Halving both sets of columns x and m gives the upper bound. Coordinates: (side, x, y) and (side, m,
c).
Sources: M. Besta and T. Hoefler, Slim Fly: a cost effective low-diameter network topology, SC 2014; P. Hafner,
Geometric realisation of the graphs of McKay-Miller-Širáň, J. Combinatorial Theory B 90 (2004), for X and X'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import Shape, hosts_per_router, wire_direct
from weft.fabric.direct_options import DirectHardware, DirectOptions, check_size, resolve_direct
from weft.fabric.distance import Cables
from weft.fabric.galois import field, prime_power
from weft.fabric.grid import coordinates
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import IntArray

LARGEST_Q = 1000


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: slim_fly``."""

    q: int | None = Field(
        None, ge=3, le=LARGEST_Q, description="prime power 4w - 1, 4w or 4w + 1; default: the smallest that fits"
    )


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the routers and their cables; see the module's text for counts.

    Raises:
        ConfigError: q is no such prime power.
        InfeasibleError: too few host ports, or more links than a router has ports.
    """
    q = options.q or _smallest(plan.endpoints, options.p)
    if not is_valid(q):
        near = ", ".join(str(n) for n in sorted(_valid(), key=lambda n: (abs(n - q), n))[:3])
        raise ConfigError(
            f"{q} is not a prime power of the form 4w - 1, 4w or 4w + 1; the nearest are {near}", field="scale_out.q"
        )
    degree = degree_of(q)
    routers = 2 * q * q
    check_size(routers, routers * degree // 2)
    hardware = resolve_direct(plan, options)
    p = hosts_per_router(plan.endpoints, routers, options.p or -(-degree // 2), "enlarge q or p")
    hardware.check_ports(p, degree, "lower q or p")
    shape = Shape(
        routers,
        [_cables(q, hardware)],
        -(-(q**3) // 2) * hardware.uplink_Bps,
        coordinates((2, q, q)),
        mean_hops=2 - degree / (routers - 1),
    )
    return wire_direct(graph, "slim_fly", shape, hardware, ports, p)


def is_valid(q: int) -> bool:
    """Say whether there is a Slim Fly of this q."""
    return q > 2 and q % 4 != 2 and prime_power(q) is not None


def degree_of(q: int) -> int:
    """Return k' = (3q - δ) / 2, the links of a router to others."""
    delta = {0: 0, 1: 1, 3: -1}[q % 4]
    return (3 * q - delta) // 2


def generators(q: int, powers: IntArray) -> tuple[IntArray, IntArray]:
    """Return X and X', each closed under negation, from the powers of a primitive element."""
    even, odd = np.arange(0, q - 1, 2), np.arange(1, q - 1, 2)
    if q % 4 == 1:
        return powers[even], powers[odd]
    if q % 4 == 0:  # q - 1 is odd: the powers 0, 2 ... q - 2, and 1, 3 ... q - 1
        return powers[even], powers[np.append(odd, q - 1) % (q - 1)]
    w = (q + 1) // 4
    low = np.arange(0, 2 * w - 1, 2)  # 0, 2 ... 2w - 2, and their negatives, 2w - 1 further on
    x = np.concatenate([low, low + 2 * w - 1])
    return powers[x], powers[(x + 1) % (q - 1)]


def _cables(q: int, hardware: DirectHardware) -> Cables:
    """Return every link once."""
    numbers = field(q)
    ends = []
    row, y = np.indices((q, q)).reshape(2, -1)
    for side, differences in enumerate(generators(q, numbers.powers)):
        for difference in differences:
            other = numbers.add[y, difference]
            once = y < other  # the difference's negative is in the set too
            first = side * q * q + row * q
            ends.append(np.stack([(first + y)[once], (first + other)[once]]))
    x, m, c = np.indices((q, q, q)).reshape(3, -1)
    ends.append(np.stack([x * q + numbers.add[numbers.multiply[m, x], c], q * q + m * q + c]))
    a, b = np.concatenate(ends, axis=1)
    return Cables(a, b, hardware.links["local"])


def _valid() -> list[int]:
    return [q for q in range(3, LARGEST_Q + 1) if is_valid(q)]


def _smallest(endpoints: int, p: int | None) -> int:
    """Return the smallest q that holds the host ports; the largest where none does."""
    fits = (q for q in _valid() if 2 * q * q * (p or -(-degree_of(q) // 2)) >= endpoints)
    return next(fits, _valid()[-1])
