"""What MLPerf's rows leave to their submissions' code: precision on Blackwell, and LoRA's adapters."""

from __future__ import annotations

import re
from typing import Any

from weft.validation.training_hardware import Inexpressible
from weft.workload.spec import Lora


def mlperf_precision(row: dict[str, Any], accelerator: str) -> str:
    """NVIDIA's implementations run in FP8 (config_common.sh), and in FP4 where a configuration's name says so.

    Raises:
        Inexpressible: the row's configuration is another machine's, from round 5.1 on, which had both.
    """
    config = str(row.get("config_file", ""))
    if row.get("round") == "v5.1" and accelerator.split("_")[0].upper() not in re.split(r"[_\W]|DGX", config):
        raise Inexpressible("FP8 or FP4, which the row does not say")
    return "fp4" if "fp4" in config else "fp8"


def adapters_of(row: dict[str, Any]) -> Lora | None:
    """MLPerf adapts attention's matrices with rank 16 (llama2_70b_lora, reference and submissions)."""
    if "LoRA" not in str(row.get("model")):
        return None
    return Lora(rank=16, targets=("qkv", "attention_out"))
