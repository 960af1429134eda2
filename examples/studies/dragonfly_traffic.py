"""A Dragonfly under kind and unkind traffic: minimal paths, Valiant's detours, and UGAL, which chooses between them.

The balanced Dragonfly of 1,056 hosts of the paper that introduced it (p = h = 4, a = 8, 33 groups), every host
sending as much as it can until the first link is full. Uniform traffic is every sixteenth other host, which meets all
groups alike. Run from the repository's root:

    python examples/studies/dragonfly_traffic.py
"""

from __future__ import annotations

import numpy as np
from flow_rates import Pairs, batch_rate, single_nic_nodes
from predicted_published import Row, percent, print_rows

from weft.collectives.patterns import group_shift, permutation
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.report.terminal import Column, table

P, A, H = 4, 8, 4
HOSTS = P * A * (A * H + 1)
POLICIES = ("minimal", "valiant", "ugal")
PARTS = 256  # of the traffic between two hosts, each on a way of its own


def dragonfly() -> Fabric:
    """Build it."""
    return single_nic_nodes(HOSTS, {"topology": "dragonfly", "p": P, "a": A, "h": H})


def uniform() -> Pairs:
    """Every host to every sixteenth other."""
    each, distance = np.arange(HOSTS), np.arange(1, HOSTS, 16)
    return np.repeat(each, len(distance)), ((each[:, None] + distance) % HOSTS).ravel()


PATTERNS = {
    "every group to the next": group_shift(HOSTS, P * A),
    "random permutation": permutation(HOSTS, 1),
    "uniform": uniform(),
}


def sent(fabric: Fabric, policy: str, pattern: str) -> float:
    """Return what a host sends, in parts of its link's rate."""
    pairs = PATTERNS[pattern]
    parts = max(4, PARTS * HOSTS // len(pairs[0]))
    return batch_rate(fabric, Routing.model_validate({"policy": policy, "flowlets": parts}), pairs)


def rows(found: dict[tuple[str, str], float] | None = None) -> list[Row]:
    """Return predicted figures beside the published ones."""
    found = found or everything()
    worst, even = "every group to the next", "uniform"
    return [
        Row("minimal, every group to the next", found[worst, "minimal"], "dragonfly_worst_minimal", percent),
        Row("Valiant, every group to the next", found[worst, "valiant"], "dragonfly_valiant", percent),
        Row("UGAL, every group to the next", found[worst, "ugal"], "dragonfly_worst_ugal", percent),
        Row("minimal, uniform", found[even, "minimal"], "dragonfly_even", percent),
        Row("Valiant, uniform", found[even, "valiant"], "dragonfly_valiant", percent),
        Row("UGAL, uniform", found[even, "ugal"], "dragonfly_even", percent),
    ]


def everything() -> dict[tuple[str, str], float]:
    """Return what hosts send by pattern and policy."""
    fabric = dragonfly()
    return {(pattern, policy): sent(fabric, policy, pattern) for pattern in PATTERNS for policy in POLICIES}


def main() -> None:
    """Print all patterns under all policies, then predicted beside published."""
    found = everything()
    lines = [(pattern, *(percent(found[pattern, policy]) for policy in POLICIES)) for pattern in PATTERNS]
    columns = [Column(name, right=True) for name in POLICIES]
    print(table([Column("of a link's rate, until the first is full"), *columns], lines))
    print(f"one global link for the {A * P} hosts of a group: 1/{A * P} = {percent(1 / (A * P))}\n")
    print_rows(rows(found))


if __name__ == "__main__":
    main()
