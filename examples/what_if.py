"""What would a step cost on other networks? One job, four clusters, a few lines of Python.

Run it from the repository's root: python examples/what_if.py
"""

from weft import Cluster, Job, Node, Parallelism, simulate

JOB = Job(
    name="llama3-70b",
    model="llama3-70b",
    sequence=8192,
    global_batch=1024,
    parallelism=Parallelism(tp=4, pp=4, interleave=5, zero=1),
    stack="megatron-core",
)


def main() -> None:
    """Print a line a network."""
    print(f"{'network':24} {'step':>8} {'MFU':>7} {'network cost':>14} {'network power':>14}")
    for rate in ("100Gb/s", "200Gb/s", "400Gb/s"):
        for oversubscription in (1, 4):
            network = {
                "topology": "leaf_spine",
                "protocol": "roce",
                "rate": rate,
                "oversubscription": {"leaf": oversubscription},
            }
            cluster = Cluster(name=rate, nodes=64, node=Node(system="dgx_h100"), scale_out=network)
            result = simulate(cluster, JOB)
            cost = result.bill.capital_cost.typical
            print(
                f"{rate + f', {oversubscription}:1':24} {result.step_time_s:7.2f}s {result.mfu:7.1%} "
                f"{cost / 1e6:11.2f} M$ {result.bill.network_power_w / 1e3:11.1f} kW"
            )


if __name__ == "__main__":
    main()
