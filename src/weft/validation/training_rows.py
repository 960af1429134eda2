"""Measured training rows as clusters and jobs.

A row names what its publication printed. What a publication leaves out but its authors describe elsewhere (a model's
shape by name, tensor by pipeline degrees from their product) is filled in here, per source and never per row. Where a
choice that its authors tuned is not printed (micro-batch, interleaving, recomputation), the fastest that fits in memory
is taken, as they would have.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from weft.errors import ConfigError
from weft.validation.training_experts import dispatch_of, graphs_experts, overlap_of, preset_of
from weft.validation.training_fields import with_counts
from weft.validation.training_hardware import Inexpressible, Machine, machine_of
from weft.validation.training_megascale import MEGASCALE, UNSTATED_RECOMPUTE, completed, jitter_of, unstated_step
from weft.validation.training_mlperf import adapters_of, mlperf_precision
from weft.validation.training_models import model_of
from weft.workload.spec import Job, Model, Overlap, Parallelism


@dataclass(frozen=True)
class Case:
    """A row as something to simulate: the machine, and one job for every choice its publication leaves open."""

    machine: Machine
    jobs: tuple[Job, ...]
    stack: str


_STACKS = {
    "sc21_fig": "megatron-lm-2021",
    "sc21_text": "megatron-lm-2021",
    "calculon": "megatron-lm-2022",
    "seqsel_text": "megatron-lm-2022",
    "mcore_table": "megatron-core",
    "mcore_ss": "megatron-core",
    "llama3": "llama3",
    "bloom": "megatron-deepspeed",
    "torchtitan": "torchtitan",
    "foundry": "llm-foundry",
    "mbridge": "megatron-bridge",
    "mlperf": "nemo",
    "mbridge_experts": "megatron-bridge",
    "dsv3_isca25": "deepseek",
}


def case_of(row: dict[str, Any]) -> Case:
    """Translate a row.

    Raises:
        Inexpressible: what the row needs that cannot be said yet.
    """
    row = completed(with_counts(row))
    source = str(row.get("source"))
    _refuse(row, source)
    machine = machine_of(row)
    stack = _stack(row, source)
    model = model_of(row)
    preset = preset_of(str(row.get("model", "")))
    degrees = _degrees(row, machine.accelerators, source)
    batch = _global_batch(row, degrees["dp"], source)
    fixed: dict[str, Any] = {
        "name": str(row.get("slug") or row.get("id")),
        "model": model,
        "accelerators": machine.accelerators,
        "sequence": int(row.get("seq") or _default_sequence(source)),
        "global_batch": batch,
        "precision": _precision(row, machine.accelerator),
        "stack": stack,
        "overlap": _overlap(row, source).model_copy(update={"ep": overlap_of(row, preset, degrees["pp"])}),
        "dispatch": dispatch_of(row, preset),
        "flash_attention": None,
        "lora": adapters_of(row),
        "jitter": jitter_of(row),
    }
    schedule, jobs = _schedule(row), []
    recompute = _recompute(row, source)
    for interleave in _interleaves(row, source, model, degrees["pp"]):
        for micro_batch in _micro_batches(row, degrees, batch):
            count = batch // (degrees["dp"] * micro_batch)
            if interleave > 1 and count % degrees["pp"]:
                continue
            if schedule == "dualpipe" and (count % 2 or count < 2 * degrees["pp"]):
                continue
            parallelism = Parallelism(
                **degrees,
                interleave=interleave,
                schedule=schedule,
                zero=_zero(row, source),
                sequence_parallel=_sequence_parallel(row, source),
            )
            jobs += [
                Job(**fixed, micro_batch=micro_batch, parallelism=parallelism, recompute=mode)
                for mode in ([recompute] if recompute else UNSTATED_RECOMPUTE)
            ]
    if not jobs:
        raise Inexpressible("a pipeline whose schedule does not take so many micro-batches")
    return Case(machine, tuple(jobs), stack)


def _refuse(row: dict[str, Any], source: str) -> None:
    name, task = str(row.get("model", "")), str(row.get("task", ""))
    if re.search(r"nemotron.?3|nemotron.?h|qwen3.?next", name, re.I):
        raise Inexpressible("state-space and linear-attention layers are not modelled yet")
    if re.search(r"deepseek.?v4", name, re.I):
        raise Inexpressible("DeepSeek-V4's compressed attention is not modelled yet")
    if re.search(r"kimi", name, re.I) and source == "mbridge":
        raise Inexpressible("the Muon optimizer is not modelled yet")
    if re.search(r"gpt.?oss", name, re.I):
        raise Inexpressible("attention with learned sinks has no measured kernels yet")
    if "SFT" in task or "LoRA" in task:
        raise Inexpressible("fine-tuning on packed sequences of varying length is not modelled yet")
    if source in ("llama31_card", "dsv3_report") or "gpu_hours" in (row.get("measured") or {}):
        raise Inexpressible("total GPU-hours with neither layout nor batch stated")
    if row.get("metric") == "communication group initialisation":
        raise Inexpressible("start-up of communicators is not modelled")
    if unstated_step(row):
        raise Inexpressible("an ablation step whose window size and operators are not stated")
    if source == "torchtitan" and re.search("rowwise", str(row.get("precision", ""))):
        raise Inexpressible("row-wise FP8 scaling has no measured kernel efficiencies yet")
    if source == "nemo_long":
        raise Inexpressible("the layout without context parallelism is not stated apart from the one with it")


def _stack(row: dict[str, Any], source: str) -> str:
    if source == MEGASCALE:
        return "megascale" if row.get("method") == "MegaScale" else "megatron-lm-2023"
    if source == "torchtitan":
        technique = str(row.get("technique", ""))
        return (
            "torchtitan" if "compile" in technique or "TP" in technique or "float8" in technique else "torchtitan-eager"
        )
    if source == "misc":
        for pattern, stack in (
            ("Nemotron", "megatron-core"),
            ("MT-NLG", "megatron-deepspeed"),
            ("NeoX", "megatron-deepspeed"),
        ):
            if pattern in str(row.get("model")):
                return stack
        raise Inexpressible("the software stack's kernels are not described")
    if source == "foundry":
        return "llm-foundry-pure" if row.get("mp_mode") == "PURE" else "llm-foundry"
    if row.get("scheme") == "ZeRO-3":
        return "deepspeed-zero3"
    if isinstance(row.get("stack"), str):
        return _known_stack(row["stack"])
    if source == "mbridge" and graphs_experts(row):
        return "megatron-bridge-26.06"
    if source not in _STACKS:
        raise Inexpressible(
            f"the software stack of source {source!r} is not known; name it in a field 'stack' of the row"
        )
    return _STACKS[source]


# Names of schedules that papers use for one of the same order, up to how they move single passes.
_SCHEDULES = {"zb_1p": "zb_h1", "zb_2p": "zb_h2", "1f1b_i": "1f1b", "interleaved": "1f1b", "interleaved_1f1b": "1f1b"}


def _schedule(row: dict[str, Any]) -> str:
    name = re.sub(r"[-\s]", "_", str(row.get("schedule") or "1f1b").lower())
    return _SCHEDULES.get(name, name)


# Names that runs go by, and the stack that each is a run of.
_STACK_NAMES = {
    "mcore": "megatron-core",
    "megatron": "megatron-core",
    "megatron-lm": "megatron-core",
    "mbridge": "megatron-bridge",
    "nemo-framework": "nemo",
    "mosaic": "llm-foundry",
    "composer": "llm-foundry",
    "fsdp2": "torchtitan",
    "pytorch-fsdp": "torchtitan",
    "pytorch-fsdp2": "torchtitan",
}


def _known_stack(name: str) -> str:
    """A stack by another name, or in other letters; as it stands where it is not known."""
    plain = re.sub(r"[\s_]+", "-", name.strip().lower())
    return _STACK_NAMES.get(plain, plain)


def _degrees(row: dict[str, Any], accelerators: int, source: str) -> dict[str, int]:
    degrees = {name: int(row[name]) for name in ("tp", "pp", "cp", "ep", "etp") if row.get(name)}
    if row.get("model_parallel") and "tp" not in degrees:
        # Megatron's authors fill a node with tensor parallelism first, then add pipeline stages (SC'21, section 3.2).
        whole = int(row["model_parallel"])
        degrees["tp"] = min(8, whole)
        degrees["pp"] = whole // degrees["tp"]
    if source == "mcore_ss":
        degrees = {"tp": 8, "pp": 6}
    if source in ("sc21_text",) and "GPT-3 175B" in str(row.get("model")):
        degrees = {"tp": 8, "pp": 16}
    if source in ("foundry", "torchtitan"):
        degrees = {"tp": 1, "pp": 1, **degrees}
    if "one layer" in str(row.get("model")):
        degrees["pp"] = 1
    _complete(degrees, row, accelerators)
    if "tp" not in degrees or "pp" not in degrees:
        raise Inexpressible("the parallel layout (tp, pp) is not stated")
    ranks = degrees["tp"] * degrees["pp"] * degrees.get("cp", 1)
    if accelerators % ranks:
        raise Inexpressible(f"{accelerators} accelerators are not divisible by tp x pp x cp = {ranks}")
    return {"cp": 1, **degrees, "dp": accelerators // ranks}


def _complete(degrees: dict[str, int], row: dict[str, Any], accelerators: int) -> None:
    """Fill in the one degree that replicas and the others leave over; both where replicas are all there is."""
    replicas = row.get("dp") or row.get("fsdp")
    missing = [name for name in ("tp", "pp") if name not in degrees]
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 1 or not missing:
        return
    known = replicas * math.prod(degrees.get(name, 1) for name in ("tp", "pp", "cp"))
    if accelerators % known == 0 and (len(missing) == 1 or known == accelerators):
        degrees |= dict.fromkeys(missing, 1) | {missing[0]: accelerators // known}


def _global_batch(row: dict[str, Any], dp: int, source: str) -> int:
    if isinstance(row.get("global_batch"), int):
        return int(row["global_batch"])
    if row.get("batch_per_dp"):
        return int(row["batch_per_dp"]) * dp
    if row.get("local_batch"):
        return int(row["local_batch"]) * dp
    if str(row.get("tokens_per_batch", "")).endswith("M") and row.get("seq"):
        return max(1, round(float(str(row["tokens_per_batch"])[:-1]) * 1e6 / int(row["seq"]) / dp)) * dp
    if source == "seqsel_text" and row.get("micro_batch"):
        return int(row["micro_batch"])
    raise Inexpressible("the global batch is not stated")


def _micro_batches(row: dict[str, Any], degrees: dict[str, int], batch: int) -> list[int]:
    if row.get("micro_batch"):
        return [int(row["micro_batch"])]
    if adapters_of(row) is not None:
        return [1]  # MBS in the benchmark's config_common.sh
    per_replica = batch // degrees["dp"]
    if row.get("local_batch"):
        # torchtitan cuts a rank's local batch into as many micro-batches as there are stages.
        return [max(1, per_replica // degrees["pp"])]
    return [size for size in (1, 2, 4, 8, 16) if size <= per_replica and per_replica % size == 0] or [1]


def _interleaves(row: dict[str, Any], source: str, model: Model | str, pp: int) -> list[int]:
    if row.get("interleave"):
        return [int(row["interleave"])]
    if pp == 1 or source in ("torchtitan", "bloom", "calculon", "seqsel_text") or "MT-NLG" in str(row.get("model")):
        return [1]
    if source == "llama3":
        # "The first chunk of the first stage has only the embedding, the last of the last only the output" (section
        # 3.3.2).
        return [8]
    layers = model.layers if isinstance(model, Model) else 0
    return [v for v in (1, 2, 3, 4, 6, 8) if layers and layers % (pp * v) == 0] or [1]


def _zero(row: dict[str, Any], source: str) -> int:
    if "SHARD_GRAD_OP" in str(row.get("sharding", "")) or source == "llama3":
        return 2
    if source in ("foundry",) or row.get("scheme") == "ZeRO-3":
        return 3
    if source == "torchtitan":
        return 3 if int(row.get("pp") or 1) == 1 else 2
    if row.get("fsdp"):
        return 3
    if isinstance(row.get("zero"), int):
        return int(row["zero"])
    return 0 if source in ("sc21_fig", "sc21_text", "calculon", "seqsel_text") else 1


def _sequence_parallel(row: dict[str, Any], source: str) -> bool | None:
    if isinstance(row.get("sequence_parallel"), bool):
        return bool(row["sequence_parallel"])
    if source == "seqsel_text" and "layer" in str(row.get("model")):
        return "sequence" in str(row.get("slug"))
    return False if source in ("sc21_fig", "sc21_text", "bloom") or "MT-NLG" in str(row.get("model")) else None


def _precision(row: dict[str, Any], accelerator: str) -> str:
    if (
        row.get("source") == "mlperf"
        and "precision" not in row
        and ("LoRA" in str(row.get("model")) or re.search(r"b[23]00", accelerator))
    ):
        return mlperf_precision(row, accelerator)
    text = str(row.get("precision", "")) + str(row.get("technique", ""))
    if re.search(r"nvfp4|fp4", text, re.I):
        return "fp4"
    if re.search(r"mxfp8", text, re.I):
        return "mxfp8"
    if re.search(r"fp8|float8", text, re.I):
        return "fp8"
    return "fp16" if "fp16" in text else "bf16"


def _recompute(row: dict[str, Any], source: str) -> str:
    """What is recomputed; empty where a source leaves it open."""
    text = f"{row.get('recompute', '')}".lower()
    if source == "seqsel_text" and "layer" in str(row.get("model")):
        text = str(row.get("slug"))
    if "no recompute" in text or "none" in text:
        return "none"
    if "selective" in text:
        return "selective"
    if "full" in text:
        return "full"
    if source == "dsv3_isca25":
        return "selective"  # its report, section 3.2.3
    if source == MEGASCALE:
        return ""
    return "full" if source in ("sc21_text",) else "none"


def _overlap(row: dict[str, Any], source: str) -> Overlap:
    if source == "torchtitan":
        return Overlap(tp=bool(re.search("async", str(row.get("technique", "")), re.I)))
    if source == "mbridge" and _precision(row, "") == "fp4":
        return Overlap(tp=False)  # tp_comm_overlap is False in the recipes for NVFP4
    return Overlap()


def _default_sequence(source: str) -> int:
    if source == "torchtitan":
        return 8192  # seq_len of its Llama 3 training configurations
    raise Inexpressible("the sequence length is not stated")


def checked(row: dict[str, Any]) -> Case:
    """`case_of`, with an invalid combination reported as inexpressible rather than as an error of the user's."""
    try:
        return case_of(row)
    except (ConfigError, ValueError) as error:
        raise Inexpressible(" ".join(str(error).split())) from None
