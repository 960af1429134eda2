"""A training step: the job resolved against accelerators and a software stack, and laid out as a program.

`plan` checks the job and works out what each rank holds; `step_program` writes the DAG of one optimizer step in its
steady state, with one representative rank a pipeline stage (all ranks of a stage see the same network and do the same
work).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.workload.chunks import Chunk, recomputing, split_layers, uneven
from weft.workload.layer import Shard
from weft.workload.mapping import Mapping, resolve
from weft.workload.presets import model_of
from weft.workload.program import Communication, Program
from weft.workload.roofline import Kernels, generation_of, kernels_for
from weft.workload.spec import Job
from weft.workload.stack import Stack, load_stack
from weft.workload.transformer import Transformer


@dataclass(frozen=True)
class Plan:
    """A job resolved: everything the program generators and the memory model need.

    ``peak`` is the accelerator's published dense 16-bit FLOP/s, MFU's denominator; ``overlap_slowdown`` the
    fraction of its rate that compute loses beside a collective. ``chunks[stage][v]`` is what stage ``stage`` holds as
    its v-th virtual stage.
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
    warnings: tuple[str, ...]

    @property
    def gathers_per_layer(self) -> bool:
        """Parameters are gathered layer by layer in every micro-batch (FSDP without a pipeline).

        With a pipeline, FSDP keeps gathered parameters over the step's micro-batches, as torchtitan and Llama 3 do.
        """
        return self.stack.fsdp and self.mapping.pp == 1 and self.job.parallelism.zero >= 2

    def chunk_parameters(self, chunk: Chunk) -> float:
        """Parameters of a chunk on one tensor-parallel rank."""
        model = self.transformer
        total = chunk.layers * model.layer_parameters
        if chunk.embeds:
            total += model.embedding_parameters(self.job.sequence)
        # A tied head is the embedding table itself where one rank holds both; the last stage of a pipeline holds a
        # copy.
        if chunk.heads and not (model.spec.tied_embeddings and self.mapping.pp == 1):
            total += model.vocab * model.hidden
        return total / self.mapping.tp

    def stage_parameters(self, stage: int) -> float:
        """Parameters of a whole stage on one tensor-parallel rank."""
        return sum(self.chunk_parameters(chunk) for chunk in self.chunks[stage])

    @property
    def shard_ranks(self) -> int:
        """Ranks that share one copy of optimizer state (and more with ZeRO-2 and 3)."""
        return min(self.job.parallelism.shard_within or self.shard_replicas, self.shard_replicas)

    @property
    def shard_replicas(self) -> int:
        """Ranks whose gradients must agree: data and context parallel together."""
        return self.mapping.dp * self.mapping.cp

    def gradient_reductions(self, stage: int, parameters: float) -> list[Communication]:
        """What sums so many parameters' gradients over the stage's replicas.

        One reduce-scatter with ZeRO, an all-reduce without; hybrid sharding adds an all-reduce of each shard over its
        replicas.
        """
        size = self.stack.reduce_bytes * parameters
        if self.job.parallelism.zero == 0 or self.shard_ranks == 1:
            return [Communication("all_reduce", size, self.mapping.data_group(stage), rate_x=self.stack.gather_rate_x)]
        shards = self.mapping.shard_group(self.shard_ranks, stage)
        found = [Communication("reduce_scatter", size, shards, rate_x=self.stack.gather_rate_x)]
        if self.shard_ranks < self.shard_replicas:
            replicas = self.mapping.replica_group(self.shard_ranks, stage)
            found.append(Communication("all_reduce", size / self.shard_ranks, replicas))
        return found

    def optimizer_s(self, stage: int) -> float:
        """Seconds of the optimizer on a stage: memory-bound over the parameters whose state the rank holds."""
        held = self.stage_parameters(stage) / (self.shard_ranks if self.job.parallelism.zero else 1)
        return self.plain_kernels.stream(held * self.stack.optimizer_moved_bytes) + self.stack.step_overhead_s

    @property
    def tokens(self) -> float:
        """Tokens per optimizer step."""
        return float(self.job.global_batch) * self.job.sequence


def plan(job: Job, *, accelerators: int, accelerator: Part, scale_up: int, catalog: Catalog) -> Plan:
    """Resolve a job on a cluster.

    Args:
        job: the job file.
        accelerators: how many the cluster has.
        accelerator: their catalog part.
        scale_up: accelerators per scale-up domain.
        catalog: the catalog in use.

    Raises:
        ConfigError: something does not divide, is unknown, or needs leave (tensor parallelism across nodes).
    """
    transformer = Transformer(model_of(job.model, catalog))
    mapping = resolve(job, accelerators)
    _check_divisions(job, transformer, mapping, scale_up)
    generation = generation_of(catalog, accelerator)
    stack = load_stack(catalog, job.stack, generation, flash=job.flash_attention)
    if job.optimizer == "sgd":
        # Without Adam's second moment: four bytes less to hold, and to read and to write.
        stack = replace(
            stack,
            optimizer_state_bytes=stack.optimizer_state_bytes - 4.0,
            optimizer_moved_bytes=stack.optimizer_moved_bytes - 8.0,
        )
    sequence_parallel = job.parallelism.sequence_parallel
    shard = Shard(
        transformer,
        job.sequence,
        job.micro_batch,
        mapping.tp,
        mapping.cp,
        mapping.tp > 1 if sequence_parallel is None else sequence_parallel and mapping.tp > 1,
    )
    precision = "bf16" if job.precision in ("fp16", "bf16") else job.precision
    if precision == "fp32":
        raise ConfigError(
            "training in fp32 has no measured kernel efficiencies; use bf16, fp16 or fp8", field="precision"
        )
    chunks = split_layers(transformer.layers, mapping.pp, job.parallelism.interleave)
    return Plan(
        job=job,
        transformer=transformer,
        mapping=mapping,
        stack=stack,
        kernels=kernels_for(catalog, accelerator, precision, stack.gemm_x),
        plain_kernels=kernels_for(catalog, accelerator, "bf16", stack.gemm_x),
        shard=shard,
        micro_batches=_micro_batches(job, mapping),
        chunks=recomputing(chunks, job.recompute_layers) if job.recompute == "full" else chunks,
        overlaps=_overlaps(job, stack),
        peak=accelerator.si("bf16_dense_tflops"),
        overlap_slowdown=_overlap_slowdown(catalog, generation, mapping, scale_up),
        warnings=tuple(filter(None, [uneven(chunks)])),
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


def _overlaps(job: Job, stack: Stack) -> frozenset[str]:
    chosen = set(stack.overlaps)
    for name in ("tp", "pp", "dp", "cp"):
        asked = getattr(job.overlap, name)
        if asked is not None:
            (chosen.add if asked else chosen.discard)(name)
    return frozenset(chosen)


def _micro_batches(job: Job, mapping: Mapping) -> int:
    batch = job.global_batch
    if batch != int(batch):
        raise ConfigError(f"global_batch {batch} is not a whole number of sequences", field="global_batch")
    per_step = mapping.dp * job.micro_batch
    if int(batch) % per_step:
        raise ConfigError(
            f"global_batch {int(batch)} is not divisible by dp x micro_batch"
            f" = {mapping.dp} x {job.micro_batch} = {per_step}",
            field="global_batch",
        )
    return int(batch) // per_step


def _check_divisions(job: Job, model: Transformer, mapping: Mapping, scale_up: int) -> None:
    tp, cp = mapping.tp, mapping.cp
    if model.spec.heads % tp:
        raise ConfigError(f"heads {model.spec.heads} are not divisible by tp {tp}", field="parallelism.tp")
    if model.kv_heads % tp and tp % model.kv_heads:
        raise ConfigError(
            f"kv_heads {model.kv_heads} can be neither split nor copied over tp {tp}", field="parallelism.tp"
        )
    if model.ffn % tp:
        raise ConfigError(f"ffn width {model.ffn} is not divisible by tp {tp}", field="parallelism.tp")
    if job.sequence % cp:
        raise ConfigError(f"sequence {job.sequence} is not divisible by cp {cp}", field="parallelism.cp")
    if job.parallelism.sequence_parallel and job.sequence // cp % tp:
        raise ConfigError(
            f"sequence parallelism cannot split {job.sequence // cp} tokens over tp {tp}", field="parallelism.tp"
        )
    if job.recompute_layers is not None and job.recompute != "full":
        raise ConfigError(f"recompute_layers needs recompute: full, read {job.recompute}", field="recompute_layers")
    if tp > scale_up and not job.parallelism.allow_tp_across_nodes:
        raise ConfigError(
            f"tp {tp} is wider than the scale-up domain of {scale_up} accelerators;"
            " lower tp or set allow_tp_across_nodes: true",
            field="parallelism.tp",
        )
    within, replicas = job.parallelism.shard_within, mapping.dp * cp
    if within is not None and within < replicas and replicas % within:
        raise ConfigError(
            f"dp x cp = {replicas} replicas do not divide into shard groups of {within}",
            field="parallelism.shard_within",
        )
    if model.layers + 2 < mapping.pp * job.parallelism.interleave:
        raise ConfigError(
            f"{model.layers} layers cannot fill pp x interleave = {mapping.pp} x {job.parallelism.interleave} stages",
            field="parallelism.pp",
        )
