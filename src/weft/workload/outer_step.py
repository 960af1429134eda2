"""What an outer step of local SGD moves, computes and keeps.

Douillard et al., DiLoCo (arXiv 2311.08105): every H inner steps the groups average how far their parameters went from
where they set out, D = θ_old - θ, and step from there by SGD with Nesterov momentum. Douillard et al., Streaming DiLoCo
(arXiv 2501.18512): the model's fragments take turns, beside inner steps, and D is quantised. A rank exchanges the
parameters whose optimizer state it holds, with the ranks that hold the same in the other groups; the ranks of its own
group then gather them as after any step.

Every H steps, with P such parameters, F fragments, b bits and G groups:

    wire = F all_reduce(P b / (8 F) over G),  memory moved = (26 + 2 b / 8) P,  held = (8 + b / (8 F)) P

where 26 bytes are those of 32-bit θ_old, momentum and weights, each read and written, and the 16-bit weights.
"""

from __future__ import annotations

from weft.workload.program import Category, Communication, Program, Stream
from weft.workload.spec import Outer
from weft.workload.training import Plan

_MOVED_BYTES = 26.0
_HELD_BYTES = 8.0


def outer_exchange(plan: Plan, outer: Outer, stage: int) -> Communication:
    """The average of one fragment on a stage; there are ``outer.fragments`` of them, one after another."""
    size = plan.held_states(stage) * outer.bits / 8 / outer.fragments
    return Communication("all_reduce", size, plan.mapping.outer_group(stage), repeat=outer.fragments)


def outer_program(plan: Plan) -> Program | None:
    """One exchange as a program: of all stages, at the same time; None where there are no outer groups."""
    outer = plan.job.outer
    if outer is None:
        return None
    stages = range(plan.mapping.pp)
    program = Program(ranks=[plan.mapping.data_group(stage)[0] for stage in stages])
    for stage in stages:
        found = outer_exchange(plan, outer, stage)
        program.communicate(stage, Stream.DP, Category.DP, found, "exchange with other groups")
    return program


def outer_optimizer_s(plan: Plan, outer: Outer, stage: int) -> float:
    """Seconds of the outer optimizer on a stage: memory-bound, all fragments together."""
    return plan.plain_kernels.stream((_MOVED_BYTES + 2 * outer.bits / 8) * plan.held_states(stage))


def outer_bytes(plan: Plan, stage: int) -> float:
    """Bytes a rank of a stage holds for it: momentum, the parameters it set out from, and what is being exchanged."""
    outer = plan.job.outer
    if outer is None:
        return 0.0
    return (_HELD_BYTES + outer.bits / 8 / outer.fragments) * plan.held_states(stage)
