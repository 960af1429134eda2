"""What expert parallelism moves in one pass of some layers: copies of tokens to their experts, and results back.

A rank has T tokens of its own (after sequence parallelism) and h numbers for each. With one copy an expert it sends
T top_k h, whatever the ranks. Deduplicated (DeepEP, and HybridEP in Megatron-Core), a token goes once to every node
that has one of its experts, between ranks of the same place in their nodes, and there once to every rank that has one;
both happen at the same time, piece by piece. How many nodes and ranks those are: `weft.workload.experts`. The busiest
rank, which all wait for, gets ``imbalance`` times the mean. A backward pass sends the gradients of results the way
that tokens went, and those of tokens back.
"""

from __future__ import annotations

from weft.workload.experts import ExpertShard, distinct_places, shape_of
from weft.workload.program import Category, Communication
from weft.workload.traffic import Traffic
from weft.workload.training import Plan


def expert_traffic(plan: Plan, stage: int, layers: int) -> list[Traffic]:
    """The exchanges of so many layers with experts in one direction; none where every rank has all experts."""
    own, mapping, width = plan.shard.experts, plan.mapping, plan.transformer.hidden
    if own is None or not layers:
        return []
    out, back = (1.0 if own.dispatch.fp8 else 2.0) * width, 2.0 * width
    # Ranks that share an expert all work on all of its tokens.
    shares = mapping.expert_tensor_group(stage)
    found = []
    if mapping.ep > 1:
        found.append(_exchange(plan, own, stage, layers, out))
    if mapping.etp > 1:
        found += [
            _traffic(plan, Communication("all_gather", own.rows * out, shares, layers)),
            _traffic(plan, Communication("reduce_scatter", own.rows * back, shares, layers)),
        ]
    if mapping.ep > 1:
        found.append(_exchange(plan, own, stage, layers, back))
    return found


def _exchange(plan: Plan, own: ExpertShard, stage: int, layers: int, token_bytes: float) -> Traffic:
    """One way between the ranks that have a layer's experts between them."""
    mapping, tokens = plan.mapping, plan.shard.element_tokens
    group, uneven = mapping.expert_group(stage), own.rows / (own.copies * own.etp)
    if not own.deduplicated:
        return _traffic(plan, Communication("all_to_all", own.copies * token_bytes * uneven, group, layers))
    shape, rail = shape_of(own.moe), mapping.expert_rail(plan.per_node, stage)
    inside = group[: len(group) // len(rail)]

    def between(ranks: range, places: int) -> Communication:
        return Communication(
            "all_to_all", tokens * distinct_places(shape, places) * token_bytes * uneven, ranks, layers
        )

    if len(rail) == 1:
        return _traffic(plan, between(group, mapping.ep))
    if len(inside) == 1:
        return _traffic(plan, between(rail, len(rail)))
    return _traffic(plan, between(inside, mapping.ep), between(rail, len(rail)))


def _traffic(plan: Plan, moved: Communication, also: Communication | None = None) -> Traffic:
    return Traffic(Category.EP, moved, hidden_frac=plan.stack.ep_hidden_frac, also=also)
