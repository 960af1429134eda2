"""The model of a measured training row: its printed shape, completed by what its source says of all its models."""

from __future__ import annotations

import re
from typing import Any

from weft.catalog import load_catalog
from weft.validation.training_experts import preset_of
from weft.validation.training_hardware import Inexpressible
from weft.validation.training_megascale import has_parallel_blocks
from weft.workload.spec import Model

# What a source's authors print about a model elsewhere: (pattern on the row's model, shape).
_GPT = {"dropout": True, "bias": True, "learned_positions": True, "vocab": 51200}
_SHAPES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "sc21_fig": ((r".", _GPT),),
    "sc21_text": (
        (r"174\.6B|175B", {**_GPT, "layers": 96, "hidden": 12288, "heads": 96}),
        (r"529\.6B", {**_GPT, "layers": 105, "hidden": 20480, "heads": 128}),
    ),
    "calculon": ((r".", _GPT),),
    "zero_bubble": ((r".", _GPT),),
    "seqsel_text": ((r"one layer", {**_GPT, "layers": 1}), (r".", _GPT)),
    "mcore_table": ((r".", {"bias": False}),),
    "mcore_ss": ((r"177B", {"layers": 96, "hidden": 12288, "heads": 96, "vocab": 131072}),),
    "megascale": (  # table 1; "vocabulary size is 64,000 for all the cases" (section 6.1)
        (r"175B", {**_GPT, "vocab": 64000, "layers": 96, "hidden": 12288, "heads": 128}),
        (r"530B", {**_GPT, "vocab": 64000, "layers": 105, "hidden": 20480, "heads": 160}),
    ),
    "bloom": (
        (r"BLOOM", {"layers": 70, "hidden": 14336, "heads": 112, "vocab": 250880, "bias": True}),
        (r".", {"bias": True}),
    ),
    "misc": (
        (r"MT-NLG", _GPT),
        (r"NeoX", {"vocab": 50432, "parallel_block": True, "bias": True}),
        (r"Nemotron", {"tied_embeddings": False}),
    ),
    "mlperf": ((r"GPT-3", {"bias": True, "learned_positions": True}),),
}
_LLAMA = {"gated": True, "tied_embeddings": False}


def model_of(row: dict[str, Any]) -> Model | str:
    """The row's model: its printed shape, completed by what its source says of all its models, or a preset's name."""
    source, name = str(row.get("source")), str(row.get("model", ""))
    if source == "foundry" and (match := re.match(r"MPT-(\d+)(b|m)$", name)):
        return f"mpt-{match[1]}{match[2]}"
    if re.search(r"Llama 2 70B", name, re.I):
        return "llama2-70b"
    if re.search(r"LLAMA3_70B|Llama 3(\.1)? 70B", name, re.I):
        return "llama3-70b"
    if re.search(r"LLAMA3\.1_405B|Llama 3(\.1)? 405B|Llama-405B", name, re.I):
        return "llama3-405b"
    if re.search(r"Llama 3(\.1)? 8B", name, re.I):
        return "llama3-8b"
    if (preset := preset_of(name)) is not None:
        return preset
    if any(part.id == name for part in load_catalog().parts("models")):
        return name
    shape: dict[str, Any] = {"vocab": 51200}
    for pattern, known in _SHAPES.get(source, ()):
        if re.search(pattern, name):
            shape |= known
            break
    for ours, theirs in {
        "layers": "layers",
        "hidden": "h",
        "heads": "heads",
        "kv_heads": "kv_heads",
        "ffn": "ffn",
        "vocab": "vocab",
    }.items():
        if isinstance(row.get(theirs), int):
            shape[ours] = row[theirs]
    if re.search("llama", name, re.I):
        shape |= _LLAMA
    if has_parallel_blocks(row):
        shape["parallel_block"] = True
    if "layers" not in shape and "layers_note" in row and "hidden" in shape:
        shape["layers"] = _layers_from_size(name, shape, int(row.get("pp", 1)))
    if isinstance(row.get("moe"), dict):
        shape |= {"moe": row["moe"], "gated": True, "tied_embeddings": False}
    for field in ("mla", "gated", "tied_embeddings", "head_dim", "sliding_window", "window_frac"):
        if field in row:
            shape[field] = row[field]
    for needed in ("layers", "hidden", "heads"):
        if needed not in shape:
            raise Inexpressible(f"the model's {needed} is not stated and {name!r} is not a known preset")
    return Model(name=name, **shape)


def _layers_from_size(name: str, shape: dict[str, Any], stages: int) -> int:
    """Layers from the printed size, as near as whole pipeline stages allow: (N - V h) / 12 h²."""
    match = re.match(r"([\d.]+)B$", name)
    if match is None:
        raise Inexpressible("neither layers nor size is stated")
    layers: float = (float(match[1]) * 1e9 - shape["vocab"] * shape["hidden"]) / (12 * shape["hidden"] ** 2)
    return max(stages, round(layers / stages) * stages)
