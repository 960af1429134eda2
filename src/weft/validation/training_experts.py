"""How tokens of a measured training row get to experts: as the row says, else as its source's recipes do."""

from __future__ import annotations

import re
from typing import Any

from weft.workload.spec import Dispatch

# Names of published models with experts, and the presets of their shapes.
_PRESETS = (
    (r"mixtral.*8x7b", "mixtral-8x7b"),
    (r"mixtral.*8x22b", "mixtral-8x22b"),
    (r"deepseek.?v2.?lite", "deepseek-v2-lite"),
    (r"deepseek.?v2", "deepseek-v2"),
    (r"deepseek.?v3", "deepseek-v3"),
    (r"qwen3.?30b.?a3b", "qwen3-30b-a3b"),
    (r"qwen3.?235b.?a22b", "qwen3-235b-a22b"),
    (r"gpt.?oss.?20b", "gpt-oss-20b"),
    (r"gpt.?oss.?120b", "gpt-oss-120b"),
    (r"kimi.?k2", "kimi-k2"),
)
# Megatron-Bridge's performance recipes on H100 (scripts/performance/configs, v0.3.0 to v0.6.0): how tokens are
# dispatched, and whether that runs beside compute. Qwen3 30B-A3B overlaps only where it has a pipeline.
_RECIPES = {
    "qwen3-30b-a3b": ("deduplicated", None),
    "qwen3-235b-a22b": ("all_to_all", True),
    "deepseek-v3": ("deduplicated", False),
    "gpt-oss-120b": ("all_to_all", False),
}
# Its recipe for B200 (perf_recipes, commit 067f987) runs dispatch beside compute where experts are on several nodes.
# Those with whole iterations as CUDA graphs do so everywhere, which is their stack's own way.
_OVERLAPS_ACROSS_NODES = {"deepseek-v3": r"(?<!g)b200"}
_HOW = {
    "alltoall": "all_to_all",
    "all_to_all": "all_to_all",
    "deepep": "deduplicated",
    "hybridep": "deduplicated",
    "deduplicated": "deduplicated",
}


def preset_of(name: str) -> str | None:
    """The preset of a model with experts that goes by this name."""
    return next((preset for pattern, preset in _PRESETS if re.search(pattern, name, re.I)), None)


def graphs_experts(row: dict[str, Any]) -> bool:
    """Whether a run of Megatron-Bridge is of a container whose MXFP8 recipes fuse experts and run as CUDA graphs."""
    release = re.match(r"(\d+)\.(\d+)", str(row.get("release", "")))
    late = release is not None and (int(release[1]), int(release[2])) >= (26, 6)
    return (
        late and str(row.get("precision", "")).upper() == "MXFP8" and preset_of(str(row.get("model", ""))) is not None
    )


def dispatch_of(row: dict[str, Any], preset: str | None) -> Dispatch:
    """How tokens get to experts.

    Raises:
        ValueError: a dispatcher that is not known.
    """
    asked = row.get("dispatcher")
    if asked is None and row.get("source") == "mbridge" and preset in _RECIPES:
        asked = _RECIPES[preset][0]
    if asked is not None and str(asked).lower() not in _HOW:
        raise ValueError(f"dispatcher {asked!r} is not known; known are {', '.join(_HOW)}")
    fields: dict[str, Any] = {name: row[name] for name in ("imbalance", "capacity_factor") if name in row}
    if "DeepSeek" in str(row.get("model")) and row.get("source") == "dsv3_isca25":
        fields["fp8"] = True  # its report, section 3.3.2
    return Dispatch.model_validate({"how": None if asked is None else _HOW[str(asked).lower()], **fields})


def overlap_of(row: dict[str, Any], preset: str | None, pp: int) -> bool | None:
    """Whether expert-parallel traffic runs beside compute; None where the stack's own way is meant."""
    if isinstance(row.get("ep_overlap"), bool):
        return bool(row["ep_overlap"])
    if row.get("source") == "mbridge" and preset in _RECIPES:
        if graphs_experts(row):
            return None
        crosses = int(row.get("ep") or 1) > int(row.get("per_node") or 8)
        if crosses and re.search(_OVERLAPS_ACROSS_NODES.get(preset, r"(?!)"), str(row.get("accel")), re.I):
            return True
        chosen = _RECIPES[preset][1]
        return pp > 1 if chosen is None else chosen
    return None
