"""What MegaScale's paper says of its runs outside its tables (Jiang et al., NSDI 2024, arXiv 2402.15627)."""

from __future__ import annotations

from typing import Any

from weft.catalog import load_catalog
from weft.workload.spec import Jitter

MEGASCALE = "megascale"
# What is recomputed is not printed: nothing where that fits in memory, else attention (Korthikanti et al.).
UNSTATED_RECOMPUTE = ("none", "selective")
# Steps of the ablation (table 3) whose model and software are stated; a window's size and the operators are not.
_STATED_STEPS = {"baseline Megatron-LM", "+parallel transformer block"}


def completed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with what section 6.1 says of all runs.

    Sequences of 2,048 tokens, six interleaved chunks a stage for 175B and three for 530B, and as many sequences a
    step as GPUs where the batch is scaled with them. The micro-batch is not printed: the layouts are those that
    Megatron-LM's authors published for models of these sizes (tp 8 with pp 8, and with pp 35 in three chunks), which
    run one sequence a micro-batch (Korthikanti et al., arXiv 2205.05198, table 3).
    """
    if row.get("source") != MEGASCALE:
        return row
    stated: dict[str, Any] = {"seq": 2048, "micro_batch": 1, "interleave": 6 if row.get("pp") == 8 else 3}
    if row.get("scaling") == "weak":
        stated["global_batch"] = row.get("n_gpus")
    return stated | row


def unstated_step(row: dict[str, Any]) -> bool:
    """Whether the row is a step of the ablation that its table does not describe enough."""
    return row.get("source") == MEGASCALE and "step" in row and row["step"] not in _STATED_STEPS


def has_parallel_blocks(row: dict[str, Any]) -> bool:
    """Whether attention and feed-forward run side by side: MegaScale's first optimisation (section 3.1)."""
    return row.get("method") == "MegaScale" or row.get("step") == "+parallel transformer block"


def jitter_of(row: dict[str, Any]) -> Jitter | None:
    """The slow nodes of the cluster that all of its runs were placed on, at random (sections 5.1 and 6.3)."""
    if row.get("source") != MEGASCALE:
        return None
    fleet = load_catalog().get("reliability", "megascale")
    return Jitter(slow_nodes=fleet.si("slow_nodes_frac"), slow_by=fleet.si("slow_by_frac"))
