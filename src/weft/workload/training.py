"""A training step: the job resolved against accelerators and a software stack, and laid out as a program.

`plan` checks the job and works out what each rank holds; `step_program` writes the DAG of one optimizer step in its
steady state, with one representative rank a pipeline stage (all ranks of a stage see the same network and do the same
work).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.workload.adapters import check_adapters, layer_adapter_parameters
from weft.workload.chunks import Chunk, mirrored, recomputing, split_layers, uneven
from weft.workload.divisions import check_divisions, micro_batches_of
from weft.workload.experts import expert_shard
from weft.workload.host import Host, check_offload, host_of, needed_host
from weft.workload.layer import Shard
from weft.workload.mapping import Mapping, resolve
from weft.workload.outer_groups import grouped
from weft.workload.pipeline import check as check_schedule
from weft.workload.presets import model_of
from weft.workload.program import Communication, Program
from weft.workload.roofline import FORMATS, Kernels, generation_of, kernels_for
from weft.workload.spec import Job
from weft.workload.stack import Stack, load_stack
from weft.workload.transformer import Transformer


@dataclass(frozen=True)
class Plan:
    """A job resolved: everything the program generators and the memory model need.

    ``peak`` is the accelerator's published dense 16-bit FLOP/s, MFU's denominator; ``overlap_slowdown`` the fraction of
    its rate that compute loses beside a collective; ``per_node`` the accelerators of a scale-up domain; ``host`` is
    known wherever something is offloaded.
    ``chunks[stage][v]`` is what stage ``stage`` holds as its v-th virtual stage, or the stage and its counterpart from
    the end where DualPipe holds both.
    """

    job: Job
    transformer: Transformer
    mapping: Mapping
    stack: Stack
    kernels: Kernels
    plain_kernels: Kernels
    shard: Shard
    micro_batches: int
    chunks: tuple[tuple[Chunk, ...], ...]
    overlaps: frozenset[str]
    peak: float
    overlap_slowdown: float
    per_node: int
    warnings: tuple[str, ...]
    host: Host | None = None

    @property
    def gathers_per_layer(self) -> bool:
        """Parameters are gathered layer by layer in every micro-batch (FSDP without a pipeline).

        With a pipeline, FSDP keeps gathered parameters over the step's micro-batches, as torchtitan and Llama 3 do.
        """
        return self.stack.fsdp and self.mapping.pp == 1 and self.job.parallelism.zero >= 2

    def chunk_parameters(self, chunk: Chunk) -> float:
        """Parameters of a chunk on one tensor-parallel rank, less those of routed experts."""
        model = self.transformer
        total = chunk.of_kind(False) * model.layer_parameters + chunk.of_kind(True) * model.sparse_layer_parameters
        total += len(chunk.predicts) * model.prediction_parameters
        if chunk.embeds:
            total += model.embedding_parameters(self.job.sequence)
        # A tied head is the embedding table itself where one rank holds both; the last stage of a pipeline holds a
        # copy, unless it holds the first one too.
        holds_both = self.mapping.pp == 1 or self.copies > 1
        if chunk.heads and not (model.spec.tied_embeddings and holds_both):
            total += model.vocab * model.hidden
        return total / self.mapping.tp

    def trained_parameters(self, chunk: Chunk) -> float:
        """Of those, the ones that have gradients: all, or the adapters' alone."""
        lora = self.job.lora
        if lora is None:
            return self.chunk_parameters(chunk)
        return chunk.layers * layer_adapter_parameters(lora, self.transformer) / self.mapping.tp

    def expert_parameters(self, chunk: Chunk) -> float:
        """Parameters of a chunk's routed experts on one rank."""
        own = self.shard.experts
        each = 0.0 if own is None else own.local * self.transformer.expert_parameters / own.etp
        return chunk.of_kind(True) * each

    def stage_parameters(self, stage: int) -> float:
        """Parameters of a whole stage on one rank."""
        return sum(self.chunk_parameters(chunk) + self.expert_parameters(chunk) for chunk in self.chunks[stage])

    def trained_in(self, stage: int) -> float:
        """Parameters of a whole stage on one rank that have gradients."""
        return sum(self.trained_parameters(chunk) + self.expert_parameters(chunk) for chunk in self.chunks[stage])

    @property
    def largest_layer_parameters(self) -> float:
        """Parameters of the largest layer on one rank."""
        kinds = set(self.transformer.sparse) or {False}
        layers = [Chunk(1, sparse=(sparse,)) for sparse in kinds]
        return max(self.chunk_parameters(layer) + self.expert_parameters(layer) for layer in layers)

    @property
    def shard_ranks(self) -> int:
        """Ranks of a stage that share one copy of optimizer state (and more with ZeRO-2 and 3)."""
        return min(self.job.parallelism.shard_within or self.shard_replicas, self.shard_replicas)

    @property
    def copies(self) -> int:
        """Ranks of a pipeline that hold one stage's parameters: 2 with DualPipe."""
        return 2 if self.job.parallelism.schedule == "dualpipe" else 1

    @property
    def state_ranks(self) -> int:
        """Ranks that share one copy of optimizer state."""
        return self.shard_ranks * self.copies

    @property
    def shard_replicas(self) -> int:
        """Ranks whose gradients must agree: data and context parallel together."""
        return self.mapping.dp * self.mapping.cp

    @property
    def expert_shards(self) -> int:
        """Ranks of a stage that share one copy of its routed experts' optimizer state."""
        return self.mapping.expert_replicas if self.transformer.spec.moe is not None else 1

    def gathers(self, stage: int, chunk: Chunk) -> list[Communication]:
        """What brings a chunk's 16-bit parameters together from the ranks that share them, experts' apart."""
        gathered = self.chunk_parameters if self.gathers_per_layer else self.trained_parameters
        sets = [(gathered(chunk), self.mapping.shard_group(self.shard_ranks, stage))]
        if experts := self.expert_parameters(chunk):
            sets.append((experts, self.mapping.expert_data_group(stage)))
        rate_x = self.stack.gather_rate_x
        return [
            Communication("all_gather", 2.0 * parameters, shards, rate_x=rate_x)
            for parameters, shards in sets
            if len(shards) > 1
        ]

    def gradient_reductions(self, stage: int, chunk: Chunk) -> list[Communication]:
        """What sums a chunk's gradients over the stage's replicas, and those of routed experts over theirs.

        One reduce-scatter with ZeRO, an all-reduce without; hybrid sharding adds an all-reduce of each shard over its
        replicas.
        """
        size, rate_x = self.stack.reduce_bytes * self.trained_parameters(chunk), self.stack.gather_rate_x
        shards, zero = self.mapping.shard_group(self.shard_ranks, stage), self.job.parallelism.zero
        sharded = zero > 0 and self.shard_ranks > 1
        found = []
        if sharded:
            found.append(Communication("reduce_scatter", size, shards, rate_x=rate_x))
            if self.shard_ranks < self.shard_replicas:
                replicas = self.mapping.replica_group(self.shard_ranks, stage)
                found.append(Communication("all_reduce", size / self.shard_ranks, replicas))
        else:
            found.append(Communication("all_reduce", size, self.mapping.data_group(stage), rate_x=rate_x))
        if experts := self.expert_parameters(chunk):
            kind, group = "reduce_scatter" if zero else "all_reduce", self.mapping.expert_data_group(stage)
            found.append(Communication(kind, self.stack.reduce_bytes * experts, group, rate_x=rate_x))
        return [each for each in found if len(each.ranks) > 1]

    def held_states(self, stage: int) -> float:
        """Parameters whose optimizer state a rank of a stage holds."""
        dense = sum(self.trained_parameters(chunk) for chunk in self.chunks[stage])
        experts = sum(self.expert_parameters(chunk) for chunk in self.chunks[stage])
        if self.job.parallelism.zero == 0:
            return dense + experts
        return dense / self.state_ranks + experts / (self.expert_shards * self.copies)

    def optimizer_s(self, stage: int) -> float:
        """Seconds of the optimizer on a stage: memory-bound over the parameters whose state the rank itself holds."""
        offload = self.job.offload
        here = self.held_states(stage) * (1.0 if offload is None else 1.0 - offload.optimizer)
        moved = here * self.stack.optimizer_moved_bytes
        return self.plain_kernels.stream(moved) + self.stack.step_overhead_s

    @property
    def tokens(self) -> float:
        """Tokens per optimizer step."""
        return float(self.job.global_batch) * self.job.sequence


def plan(
    job: Job,
    *,
    accelerators: int,
    accelerator: Part,
    scale_up: int,
    catalog: Catalog,
    sites: Sequence[int] = (),
) -> Plan:
    """Resolve a job on a cluster.

    Args:
        job: the job file.
        accelerators: how many the cluster has.
        accelerator: their catalog part.
        scale_up: accelerators per scale-up domain.
        catalog: the catalog in use.
        sites: accelerators at each site, where there are several.

    Raises:
        ConfigError: something does not divide, is unknown, or needs leave (tensor parallelism across nodes).
    """
    transformer = Transformer(model_of(job.model, catalog))
    mapping = grouped(resolve(job, accelerators), job.outer, sites)
    check_divisions(job, transformer, mapping, scale_up)
    check_adapters(job, transformer)
    check_offload(job)
    generation = generation_of(catalog, accelerator)
    stack = load_stack(catalog, job.stack, generation, flash=job.flash_attention)
    if job.optimizer == "sgd":
        # Without Adam's second moment: four bytes less to hold, and to read and to write.
        stack = replace(
            stack,
            optimizer_state_bytes=stack.optimizer_state_bytes - 4.0,
            optimizer_moved_bytes=stack.optimizer_moved_bytes - 8.0,
            offloaded_state_bytes=stack.offloaded_state_bytes - 4.0,
            host_optimizer_bytes=stack.host_optimizer_bytes - 8.0,
        )
    sequence_parallel = job.parallelism.sequence_parallel
    shard = Shard(
        transformer,
        job.sequence,
        job.micro_batch,
        mapping.tp,
        mapping.cp,
        mapping.tp > 1 if sequence_parallel is None else sequence_parallel and mapping.tp > 1,
        frozen=job.lora is not None,
    )
    if job.precision not in FORMATS:
        raise ConfigError(
            "training in fp32 has no measured kernel efficiencies; use bf16, fp16 or fp8", field="precision"
        )
    if transformer.spec.moe is not None:
        dispatch = job.dispatch.model_copy(update={"how": stack.dispatches(job.dispatch)})
        shard = replace(
            shard,
            experts=expert_shard(
                transformer.spec.moe, dispatch, tokens=shard.element_tokens, ep=mapping.ep, etp=mapping.etp
            ),
        )
    chunks = split_layers(
        transformer.layers,
        mapping.pp,
        job.parallelism.interleave,
        sparse=transformer.sparse,
        predicts=transformer.predicts,
    )
    warnings = tuple(filter(None, [uneven(chunks), _unmeasured(transformer)]))
    if job.recompute == "full":
        chunks = recomputing(chunks, job.recompute_layers)
    held = stack.experts_multiprocessors if mapping.ep > 1 else 0
    schedule, micro_batches = job.parallelism.schedule, micro_batches_of(job, mapping)
    check_schedule(schedule, mapping.pp, micro_batches, job.parallelism.interleave)
    return Plan(
        job=job,
        transformer=transformer,
        mapping=mapping,
        stack=stack,
        kernels=kernels_for(catalog, accelerator, job.precision, stack.gemm_x, held),
        plain_kernels=kernels_for(catalog, accelerator, "bf16", stack.gemm_x, held),
        shard=shard,
        micro_batches=micro_batches,
        chunks=mirrored(chunks) if schedule == "dualpipe" else chunks,
        overlaps=stack.overlaps_with(job.overlap),
        peak=accelerator.si("bf16_dense_tflops"),
        overlap_slowdown=_overlap_slowdown(catalog, generation, mapping, scale_up),
        per_node=scale_up,
        warnings=warnings,
        host=host_of(accelerator) if job.offload is None else needed_host(accelerator),
    )


def step_program(resolved: Plan) -> Program:
    """The DAG of one optimizer step."""
    from weft.workload.pipelined_step import pipelined_step
    from weft.workload.sharded_step import sharded_step

    return sharded_step(resolved) if resolved.gathers_per_layer else pipelined_step(resolved)


def _overlap_slowdown(catalog: Catalog, generation: str, mapping: Mapping, scale_up: int) -> float:
    """What compute loses beside a collective: nothing where its ranks are all in different scale-up domains.

    A ring with one rank a node moves what one adapter can and needs few multiprocessors; inside a node it takes many.
    """
    groups = (mapping.data_group(), mapping.context_group())
    shares = any(len(group) > 1 and group[1] // scale_up == group[0] // scale_up for group in groups)
    return catalog.get("kernels", generation).si("overlap_slowdown_frac") if shares else 0.0


def _unmeasured(model: Transformer) -> str:
    """What to warn of where a model needs kernels that nobody has measured."""
    if not model.spec.attention_sinks:
        return ""
    return "attention with sinks has no measured kernels: it is timed as attention without, and comes out too fast"
