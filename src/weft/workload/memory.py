"""What one rank must hold: weights, gradients, optimizer state, activations; and whether it fits.

Bytes per parameter follow mixed-precision Adam as Rajbhandari et al. (ZeRO, arXiv 1910.02054) count them: 2 for 16-bit
weights, gradients in the stack's accumulation precision, 12 for master weights and two moments. Activations follow
Korthikanti et al. (arXiv 2205.05198); see `activation_bytes_per_layer`.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.units import format_size
from weft.workload.chunks import Chunk
from weft.workload.outer_step import outer_bytes
from weft.workload.pipeline import in_flight
from weft.workload.stack import activation_bytes_per_layer
from weft.workload.training import Plan


@dataclass(frozen=True)
class Memory:
    """Bytes on the fullest rank."""

    weights_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    activations_bytes: float
    capacity_bytes: float
    outer_bytes: float = 0.0

    @property
    def total_bytes(self) -> float:
        """Everything."""
        states = self.weights_bytes + self.gradients_bytes + self.optimizer_bytes
        return states + self.activations_bytes + self.outer_bytes

    @property
    def fits(self) -> bool:
        """True where it fits into the accelerator's memory."""
        return self.total_bytes <= self.capacity_bytes

    def to_dict(self) -> dict[str, float | bool | str]:
        """For machines; SI units in key names."""
        return {
            "weights_bytes": self.weights_bytes,
            "gradients_bytes": self.gradients_bytes,
            "optimizer_bytes": self.optimizer_bytes,
            "activations_bytes": self.activations_bytes,
            **({"outer_bytes": self.outer_bytes} if self.outer_bytes else {}),
            "capacity_bytes": self.capacity_bytes,
            "fits": self.fits,
            "verdict": self.verdict(),
        }

    def verdict(self) -> str:
        """One line: fits or not, by how much, and what to change."""
        used, capacity = format_size(self.total_bytes), format_size(self.capacity_bytes)
        if self.fits:
            return f"fits: {used} of {capacity}"
        if self.activations_bytes > 0.5 * self.total_bytes:
            change = "recompute more, use a smaller micro_batch, or raise tp or cp"
        else:
            change = "raise tp or pp, or shard over more ranks (a higher dp; zero: 3 on a stack with FSDP)"
        return f"does not fit: {used} of {capacity}; {change}"


def memory_of(plan: Plan, capacity_bytes: float) -> Memory:
    """Memory of the fullest pipeline stage."""
    stages = (_stage_memory(plan, stage, capacity_bytes) for stage in range(plan.mapping.pp))
    return max(stages, key=lambda memory: memory.total_bytes)


def _stage_memory(plan: Plan, stage: int, capacity_bytes: float) -> Memory:
    parameters, zero = plan.stage_parameters(stage), plan.job.parallelism.zero
    trained, sharded = plan.trained_in(stage), plan.held_states(stage)
    # Of frozen parameters, only FSDP spreads the weights.
    frozen = (parameters - trained) / (plan.shard_ranks if zero == 3 and plan.gathers_per_layer else 1)
    weights = 2.0 * (frozen + (sharded if zero == 3 and plan.gathers_per_layer else trained))
    if plan.gathers_per_layer and zero == 3:
        # Two layers are gathered at a time beside the resident shard.
        weights += 2 * 2.0 * plan.largest_layer_parameters
    gradients = plan.stack.gradient_bytes * (sharded if zero >= 2 else trained)
    optimizer = plan.stack.optimizer_state_bytes * sharded
    activations = _activations(plan, stage)
    return Memory(weights, gradients, optimizer, activations, capacity_bytes, outer_bytes(plan, stage))


def _activations(plan: Plan, stage: int) -> float:
    job, shard, model = plan.job, plan.shard, plan.transformer

    def per_layer(mode: str, sparse: bool) -> float:
        return activation_bytes_per_layer(
            model,
            plan.stack,
            sequence=job.sequence,
            micro_batch=job.micro_batch,
            tp=shard.tp,
            cp=shard.cp,
            sequence_parallel=shard.sequence_parallel,
            mode=mode,
            experts=shard.experts if sparse else None,
            operand_bytes=plan.kernels.element_bytes,
            lora=job.lora,
        )

    asked, chunks = job.parallelism, plan.chunks[stage]
    held = in_flight(stage, plan.mapping.pp, plan.micro_batches, asked.interleave, asked.schedule)
    whole = "none" if job.recompute == "full" else job.recompute
    total = redone = 0.0
    for sparse in (False, True):
        layers, again = (
            sum(count(chunk, sparse) for chunk in chunks) for count in (Chunk.of_kind, Chunk.recomputed_of_kind)
        )
        total += held * (again * per_layer("full", sparse) + (layers - again) * per_layer(whole, sparse))
        if again:
            # The layer being recomputed is whole while its backward runs.
            mode = "selective" if not plan.stack.attention.stores_scores else "none"
            redone = max(redone, per_layer(mode, sparse))
    if any(chunk.heads for chunk in chunks):
        total += 4.0 * shard.tokens * model.vocab / shard.tp
    return total + redone
