"""The headlines suite: what abstracts and press say of networks and training runs, against what follows from a model.

A headline is predicted where Weft can work it out from things that stand elsewhere: a network built and priced, a
collective timed, a published run simulated. What only repeats an input of Weft's, or needs what is not modelled, is
``unsupported`` with the reason. Ranges are two values, ``..._low`` and ``..._high``.
"""

from __future__ import annotations

from collections.abc import Callable

from weft.validation import headlines_networks as networks
from weft.validation import headlines_runs as runs
from weft.validation.rows import Prediction, Row, RowFile
from weft.validation.topology_fabric import Answer
from weft.validation.training_hardware import Inexpressible

_INPUT = "an input, not a prediction: the catalog has it from the same publication"
_ANOTHER = "how far another simulator is off, on measurements of its own"
_PACKETS = "a transport's or a routing's gain over another, packet by packet"

#: By slug, what predicts a headline.
_STUDIES: dict[str, Callable[[], Answer]] = {
    "mosaic_reach": networks.microled_reach,
    "mosaic_fail100k": networks.optics_failures,
    "mosaic_rack": networks.optics_of_a_rack,
    "railonly": networks.rail_only,
    "tpuv4": networks.tpu_v4,
    "dragonfly": networks.dragonfly,
    "slimfly": networks.slim_fly,
    "hxmesh": networks.hamming_mesh,
    "megascale": runs.megascale,
    "llama3_mfu": runs.llama3,
    "dsv3_mfu": runs.deepseek_v3,
    "mcore_mfu": runs.megatron_core,
    "nvls": runs.in_network_gain,
    "bloom_tflops": runs.bloom,
}
#: By slug, why there is no prediction.
_REASONS = {
    "mosaic_rel": _INPUT,
    "mosaic_proto": _INPUT,
    "mosaic_watts": _INPUT,
    "jupiter": "of a whole architecture over generations of blocks and speeds, not of a structure",
    "jellyfish": "servers at full throughput by the best routing of a random permutation",
    "topoopt": "a topology searched together with the parallelism of jobs that are not stated",
    "simai": _ANOTHER,
    "calculon_err": _ANOTHER,
    "astrasim_err": _ANOTHER,
    "llama3_fail": "failures of whole clusters and what they cost a run are not modelled yet",
    "hpn": "before and after a change of network under a job that is not stated",
    "meta_roce": "before and after a co-design of collective library and network, 'up to'",
    "hpcc": _PACKETS,
    "ubmesh": "its mesh's board-level price list is not stated",
}


def predict(row: Row, file: RowFile) -> list[Prediction]:
    """Predict every figure of a headline, or say why not."""
    row = file.conditions(row)
    slug = str(row.get("slug") or "")
    if slug in _STUDIES:
        try:
            answer = _STUDIES[slug]()
        except Inexpressible as reason:
            answer = Answer(otherwise=str(reason))
    else:
        answer = Answer(otherwise=_REASONS.get(slug, "no study predicts this headline"))
    measured = _ends(row["measured"]) if slug != "mosaic_fail100k" else networks.failure_hours(row["measured"])
    return [answer.predict(row, metric, value) for metric, value in measured.items()]


def _ends(measured: dict[str, object]) -> dict[str, object]:
    """The measured values, ranges as two."""
    found: dict[str, object] = {}
    for metric, value in measured.items():
        if isinstance(value, list) and len(value) == 2:
            found |= {f"{metric}_low": value[0], f"{metric}_high": value[1]}
        else:
            found[metric] = value
    return found
