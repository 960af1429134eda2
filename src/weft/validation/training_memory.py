"""Published memory figures: activation and parameter bytes of a pipeline's first stage.

Korthikanti et al., figures 1 and 7.
"""

from __future__ import annotations

from weft.engines.plans import plan_on
from weft.fabric import Fabric
from weft.validation.rows import Prediction, Row
from weft.validation.training_hardware import Inexpressible
from weft.validation.training_rows import Case
from weft.workload.pipeline import in_flight
from weft.workload.stack import activation_bytes_per_layer
from weft.workload.training import Plan

# (recomputation, sequence parallelism) of the modes as the rows name them.
_MODES = {
    "none": ("none", False),
    "seq": ("none", True),
    "sel": ("selective", False),
    "seqsel": ("selective", True),
    "full": ("full", False),
    "no recompute": ("none", False),
    "sequence parallel + selective recompute": ("selective", True),
}
_GIB = 2.0**30


def predict_memory(row: Row, fabric: Fabric, case: Case) -> list[Prediction]:
    """Predict every memory value of a row, in GiB or per cent of the row's model without recomputation."""
    mode, measured = str(row.get("mode")), row["measured"]
    if mode not in _MODES:
        raise Inexpressible(f"memory mode {mode!r} is not known")
    resolved = plan_on(fabric, case.jobs[0])
    activations = _activations(resolved, *_MODES[mode])
    values = {
        "activation_memory_pct_of_none": 100 * activations / _activations(resolved, "none", False),
        "activation_GiB": activations / _GIB,
        # Weights, gradients and optimizer state of the layers of one stage, as the paper counts them (no embedding).
        "param_opt_GiB": _bytes_per_parameter(resolved) * _layer_parameters(resolved) / _GIB,
    }
    return [
        Prediction(
            str(row["id"]),
            metric,
            values[metric],
            float(value),
            source=str(row.get("source", "")),
            stack=case.stack,
            accelerator=case.machine.accelerator,
        )
        for metric, value in measured.items()
        if metric in values
    ]


def _activations(resolved: Plan, mode: str, sequence_parallel: bool) -> float:
    mapping, job = resolved.mapping, resolved.job
    per_layer = activation_bytes_per_layer(
        resolved.transformer,
        resolved.stack,
        sequence=job.sequence,
        micro_batch=job.micro_batch,
        tp=mapping.tp,
        cp=mapping.cp,
        sequence_parallel=sequence_parallel,
        mode=mode,
    )
    held = in_flight(0, mapping.pp, resolved.micro_batches, job.parallelism.interleave)
    return held * resolved.transformer.layers / mapping.pp * per_layer


def _bytes_per_parameter(resolved: Plan) -> float:
    return 2.0 + resolved.stack.gradient_bytes + resolved.stack.optimizer_state_bytes


def _layer_parameters(resolved: Plan) -> float:
    model, mapping = resolved.transformer, resolved.mapping
    return model.layers * model.layer_matrix_parameters / (mapping.pp * mapping.tp)
