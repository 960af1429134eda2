"""Counts of a measured training row, read once: whole numbers above zero, or a reason why the row says nothing."""

from __future__ import annotations

from typing import Any

from weft.validation.training_hardware import Inexpressible

_COUNTS = (
    *("n_gpus", "n_accel", "per_node", "gpus_per_node"),
    *("tp", "pp", "cp", "ep", "etp", "dp", "model_parallel", "interleave"),
    *("micro_batch", "local_batch", "batch_per_dp", "seq"),
    *("layers", "h", "heads", "kv_heads", "head_dim", "ffn", "vocab", "sliding_window"),
)
_TEXTS = ("accel", "model", "stack", "source", "precision", "schedule", "recompute", "technique", "inter")


def with_counts(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its counts as whole numbers, and without fields that are left empty.

    Raises:
        Inexpressible: a count that is none, or words that are no text.
    """
    found = {name: value for name, value in row.items() if value is not None}
    for name in _COUNTS:
        if name in found:
            found[name] = _count(name, found[name])
    for name in _TEXTS:
        if isinstance(found.get(name), list | dict):
            raise Inexpressible(f"{name}: expected text, read {str(found[name])[:40]!r}")
    return found


def _count(name: str, value: Any) -> int:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 1 <= number < 1e12 or number != int(number):
        raise Inexpressible(f"{name}: expected a whole number above 0, read {str(value)[:40]!r}")
    return int(number)
