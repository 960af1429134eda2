"""What hashing costs, and what wins it back: random permutations over fat-trees, every flow on its real path.

Every host of a full-bisection fat-tree sends to one and hears one, which perfect balance serves at line rate. Hashed
flows meet; what each gets is the max-min fair rate, and a batch of equal flows ends with its unluckiest. A message
over several queue pairs is split evenly and waits for the slowest; subflows of MPTCP each take what they get. Run
from the repository's root:

    python examples/studies/hash_collisions.py
"""

from __future__ import annotations

import numpy as np
from flow_rates import batch_rate, fair_rates, single_nic_nodes
from predicted_published import Row, percent, print_rows

from weft.collectives.patterns import permutation
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.report.terminal import Column, table

SEEDS = {16: 5, 32: 1}  # switch ports: permutations drawn
BALANCING: dict[str, tuple[Routing, int]] = {
    "ecmp, every switch hashes alike": (Routing(policy="ecmp", polarised=True), 1),
    "ecmp": (Routing(policy="ecmp"), 1),
    **{f"ecmp, {pairs} queue pairs": (Routing(policy="ecmp", queue_pairs=pairs), 1) for pairs in (2, 4, 8, 16, 32)},
    "ecmp, 8 subflows of MPTCP": (Routing(policy="ecmp"), 8),
    "flowlets, 16 a message": (Routing(policy="flowlet"), 1),
    "spray": (Routing(policy="spray"), 1),
}


def fat_tree(ports: int) -> Fabric:
    """Build the three-tier fat-tree of switches with so many ports: ports^3 / 4 hosts."""
    return single_nic_nodes(ports**3 // 4, {"topology": "fat_tree", "radix": ports})


def throughput(fabric: Fabric, name: str, seeds: int) -> tuple[float, float]:
    """Return mean and standard deviation over permutations of the hosts' mean rate, in parts of a NIC's."""
    routing, subflows = BALANCING[name]
    found = [
        fair_rates(
            fabric, routing.model_copy(update={"seed": seed}), permutation(fabric.accelerators, seed), subflows
        ).mean()
        for seed in range(seeds)
    ]
    return float(np.mean(found)), float(np.std(found))


def rows() -> list[Row]:
    """Return predicted figures beside the published ones."""
    large, seeds = fat_tree(32), SEEDS[32]
    return [
        Row("one path a flow, 8,192 hosts", throughput(large, "ecmp", seeds)[0], "ecmp_permutation", percent),
        Row("8 subflows", throughput(large, "ecmp, 8 subflows of MPTCP", seeds)[0], "mptcp_permutation", percent),
        Row("every packet its own way", throughput(large, "spray", seeds)[0], "spray_permutation", percent),
    ]


def main() -> None:
    """Print every way of balancing, then predicted beside published."""
    lines = []
    for ports, seeds in SEEDS.items():
        fabric = fat_tree(ports)
        for name, (routing, subflows) in BALANCING.items():
            mean, spread = throughput(fabric, name, seeds)
            batch = "-"
            if subflows == 1:
                batch = percent(batch_rate(fabric, routing, permutation(fabric.accelerators, 0)))
            swing = f"{100 * spread:.1f}" if seeds > 1 else "-"
            lines.append((f"{fabric.accelerators:,}", name, percent(mean), swing, batch))
    columns = [Column("hosts", right=True), Column("balancing", shrinks=True), Column("mean of line rate", right=True)]
    print(table([*columns, Column("+-", right=True), Column("batch of equal flows", right=True)], lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
