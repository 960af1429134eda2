"""What one rank must hold: weights, gradients, optimizer state, activations; and whether it fits.

Bytes per parameter follow mixed-precision Adam as Rajbhandari et al. (ZeRO, arXiv 1910.02054) count them: 2 for 16-bit
weights, gradients in the stack's accumulation precision, 12 for master weights and two moments. Activations follow
Korthikanti et al. (arXiv 2205.05198); see `activation_bytes_per_layer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from weft.units import format_size
from weft.workload.chunks import Chunk
from weft.workload.offload import layer_activation_bytes, offloaded_parameters
from weft.workload.outer_step import outer_bytes
from weft.workload.pipeline import in_flight
from weft.workload.training import Plan


@dataclass(frozen=True)
class Memory:
    """Bytes on the fullest rank.

    Attributes:
        weights_bytes, gradients_bytes, optimizer_bytes, activations_bytes, outer_bytes: on the accelerator.
        capacity_bytes: its memory.
        host_bytes, host_capacity_bytes: what is offloaded, and the rank's share of its host's memory.
        movable_bytes: of the optimizer's bytes, those that offloading could still move.
    """

    weights_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    activations_bytes: float
    capacity_bytes: float
    outer_bytes: float = 0.0
    host_bytes: float = 0.0
    host_capacity_bytes: float = 0.0
    movable_bytes: float = 0.0

    @property
    def total_bytes(self) -> float:
        """Everything."""
        states = self.weights_bytes + self.gradients_bytes + self.optimizer_bytes
        return states + self.activations_bytes + self.outer_bytes

    @property
    def fits(self) -> bool:
        """True where it fits into the accelerator's memory, and what is offloaded into the host's."""
        return self.total_bytes <= self.capacity_bytes and self.host_bytes <= self.host_capacity_bytes

    def to_dict(self) -> dict[str, float | bool | str]:
        """For machines; SI units in key names."""
        return {
            "weights_bytes": self.weights_bytes,
            "gradients_bytes": self.gradients_bytes,
            "optimizer_bytes": self.optimizer_bytes,
            "activations_bytes": self.activations_bytes,
            **({"outer_bytes": self.outer_bytes} if self.outer_bytes else {}),
            "capacity_bytes": self.capacity_bytes,
            **self._host(),
            "fits": self.fits,
            "verdict": self.verdict(),
        }

    def _host(self) -> dict[str, float]:
        if not self.host_bytes:
            return {}
        return {"host_bytes": self.host_bytes, "host_capacity_bytes": self.host_capacity_bytes}

    def verdict(self) -> str:
        """One line: fits or not, by how much, and what to change."""
        used, capacity = format_size(self.total_bytes), format_size(self.capacity_bytes)
        if self.fits:
            return f"fits: {used} of {capacity}" + (f", and {self._in_host()}" if self.host_bytes else "")
        if self.total_bytes <= self.capacity_bytes:
            return f"does not fit: {self._in_host()}; offload less, or shard over more ranks"
        if self.activations_bytes > 0.5 * self.total_bytes:
            change = "recompute more, use a smaller micro_batch, or raise tp or cp"
        else:
            change = "raise tp or pp, or shard over more ranks (a higher dp; zero: 3 on a stack with FSDP)"
        return f"does not fit: {used} of {capacity}; {change}{self._offloading()}"

    def _in_host(self) -> str:
        return f"{format_size(self.host_bytes)} of {format_size(self.host_capacity_bytes)} in its host"

    def _offloading(self) -> str:
        """That offloading the optimizer would be enough, where it would, and how much of it."""
        over = self.total_bytes - self.capacity_bytes
        if not 0 < over <= self.movable_bytes:
            return ""
        share = min(1.0, ceil(100 * over / self.movable_bytes) / 100)
        return f"; or keep optimizer state in host memory (offload: {{optimizer: {share:g}}})"


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
    there = offloaded_parameters(plan, stage)
    gradients = _gradients(plan, stage, sharded if zero >= 2 else trained, there)
    optimizer = plan.stack.optimizer_state_bytes * sharded - plan.stack.offloaded_state_bytes * there
    activations, waiting = _activations(plan, stage)
    host = plan.host
    return Memory(
        weights,
        gradients,
        optimizer,
        activations,
        capacity_bytes,
        outer_bytes(plan, stage),
        # The host has weights, moments and gradients of what it updates, whatever the accelerator keeps.
        (plan.stack.optimizer_state_bytes + plan.stack.gradient_bytes) * there + waiting,
        0.0 if host is None else host.memory_bytes,
        0.0 if host is None else plan.stack.offloaded_state_bytes * (sharded - there),
    )


def _gradients(plan: Plan, stage: int, held: float, there: float) -> float:
    """Bytes of gradients on the accelerator.

    Gradients that go as they are made leave two layers' behind, one being made and one being sent.
    """
    each, offload = plan.stack.gradient_bytes, plan.job.offload
    if offload is None or not offload.gradients:
        return each * held
    layers = sum(chunk.layers for chunk in plan.chunks[stage])
    return each * (held - there) + each * there * min(1.0, 2 / max(1, layers))


def _activations(plan: Plan, stage: int) -> tuple[float, float]:
    """Bytes of activations on the accelerator, and on the host."""
    job, shard, model = plan.job, plan.shard, plan.transformer
    asked, chunks = job.parallelism, plan.chunks[stage]
    held = in_flight(stage, plan.mapping.pp, plan.micro_batches, asked.interleave, asked.schedule)
    whole = "none" if job.recompute == "full" else job.recompute
    total = redone = 0.0
    for sparse in (False, True):
        layers, again = (
            sum(count(chunk, sparse) for chunk in chunks) for count in (Chunk.of_kind, Chunk.recomputed_of_kind)
        )
        total += held * (
            again * layer_activation_bytes(plan, "full", sparse)
            + (layers - again) * layer_activation_bytes(plan, whole, sparse)
        )
        if again:
            # The layer being recomputed is whole while its backward runs.
            mode = "selective" if not plan.stack.attention.stores_scores else "none"
            redone = max(redone, layer_activation_bytes(plan, mode, sparse))
    away = 0.0 if job.offload is None else job.offload.activations
    if away:
        # Two layers on their way out or in, of a micro-batch.
        most = sum(chunk.layers + len(chunk.predicts) for chunk in chunks)
        redone += min(2 / max(1, most), 1.0) * away * total / held
    waiting = away * total
    total -= waiting
    if any(chunk.heads for chunk in chunks):
        total += 4.0 * shard.tokens * model.vocab / shard.tp
    return total + redone, waiting
