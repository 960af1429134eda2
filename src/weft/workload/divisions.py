"""Whether a job's degrees divide what they split; each refusal says what does not and what would."""

from __future__ import annotations

from weft.errors import ConfigError
from weft.workload.mapping import Mapping
from weft.workload.spec import Job
from weft.workload.transformer import Transformer


def check_divisions(job: Job, model: Transformer, mapping: Mapping, scale_up: int) -> None:
    """Refuse what does not divide.

    Raises:
        ConfigError: heads, widths, tokens, layers or experts do not divide, or a degree needs leave.
    """
    _check_experts(job, model, mapping, scale_up)
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


def micro_batches_of(job: Job, mapping: Mapping) -> int:
    """Micro-batches that a replica runs in a step.

    Raises:
        ConfigError: the batch does not divide.
    """
    batch = job.global_batch
    if batch != int(batch):
        raise ConfigError(f"global_batch {batch} is not a whole number of sequences", field="global_batch")
    replicas = mapping.dp * mapping.outer
    per_step = replicas * job.micro_batch
    if int(batch) % per_step:
        raise ConfigError(
            f"global_batch {int(batch)} is not divisible by dp x micro_batch"
            f" = {replicas} x {job.micro_batch} = {per_step}",
            field="global_batch",
        )
    return int(batch) // per_step


def _check_experts(job: Job, model: Transformer, mapping: Mapping, scale_up: int) -> None:
    moe, ep, etp = model.spec.moe, mapping.ep, mapping.etp
    if moe is None:
        if ep > 1 or etp > 1:
            raise ConfigError(f"ep {ep} and etp {etp} split experts, and the model has none", field="parallelism.ep")
        return
    if moe.experts % ep:
        raise ConfigError(f"{moe.experts} experts are not divisible by ep {ep}", field="parallelism.ep")
    if moe.ffn % etp:
        raise ConfigError(f"experts of width {moe.ffn} are not divisible by etp {etp}", field="parallelism.etp")
    if moe.shared_ffn % mapping.tp:
        raise ConfigError(
            f"shared experts of width {moe.shared_ffn} are not divisible by tp {mapping.tp}", field="parallelism.tp"
        )
    if mapping.tp > 1 and job.parallelism.sequence_parallel is False:
        raise ConfigError(
            "experts beside tensor parallelism need sequence parallelism, else every rank sends every token",
            field="parallelism.sequence_parallel",
        )
    if etp > scale_up and not job.parallelism.allow_tp_across_nodes:
        raise ConfigError(
            f"etp {etp} is wider than the scale-up domain of {scale_up} accelerators;"
            " lower etp or set allow_tp_across_nodes: true",
            field="parallelism.etp",
        )
    if job.dispatch.how == "deduplicated" and job.dispatch.capacity_factor is not None:
        raise ConfigError(
            "a capacity factor pads copies for each expert, which cannot be deduplicated; use all_to_all",
            field="dispatch.how",
        )
