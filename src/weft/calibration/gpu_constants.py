"""The constants of the kernel model that kernel times can tell: where each stands, and how far it may move.

Facts of the generation's `kernels` part go by their names; those of an `attention` part by the part's id and the fact
without its generation: ``flash2.hd128_frac`` is the fact ``hopper_hd128_frac`` of the part ``flash2``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weft.calibration.gpu_measurements import KERNELS
from weft.catalog import Catalog, Part
from weft.workload.stack import attention_generation

# Standard deviation of the logarithm that is plausible before any time is seen.
_KERNELS = {
    "launch_us": 1.0,
    "stream_frac": 0.5,
    "unaligned_frac": 0.5,
    "bf16_small_tile_frac": 0.3,
    "bf16_gemm_frac": 0.5,
    "bf16_gemm_prologue_k_count": 0.7,
    "bf16_gemm_memory_frac": 0.5,
    "bf16_sustained_frac": 0.3,
    "fp8_gemm_frac": 0.5,
    "fp8_gemm_prologue_k_count": 0.7,
    "fp8_gemm_memory_frac": 0.5,
    "fp8_sustained_frac": 0.3,
    "fp8_cast_frac": 0.5,
}
_ATTENTION = {"hd64_frac": 0.5, "hd128_frac": 0.5, "saturation_count": 0.7}


@dataclass(frozen=True, slots=True)
class GpuConstant:
    """One fact.

    Attributes:
        name: as the model knows it.
        part: id of its part; for a `kernels` part, that of the generation started from.
        fact: its name there, in a part of that generation.
        start: the catalog's value, as written.
        start_si: the same in SI.
        prior_sd: of the logarithm of its factor.
    """

    name: str
    part: str
    fact: str
    start: float
    start_si: float
    prior_sd: float

    @property
    def most(self) -> float:
        """Greatest factor: fractions stay at most 1."""
        return 1.0 / self.start if self.fact.endswith("_frac") else math.inf


def constants_for(catalog: Catalog, generation: Part) -> Sequence[GpuConstant]:
    """The constants that a generation has, in a fixed order."""
    return [*_of(generation, "", "", _KERNELS), *_attention(catalog, generation.id)]


def _attention(catalog: Catalog, generation: str) -> Iterable[GpuConstant]:
    for kernel in KERNELS:
        part = catalog.get("attention", kernel)
        yield from _of(part, f"{kernel}.", f"{attention_generation(catalog, part, generation)}_", _ATTENTION)


def _of(part: Part, name: str, fact: str, sds: dict[str, float]) -> Iterable[GpuConstant]:
    for own, sd in sds.items():
        if part.has(fact + own):
            yield GpuConstant(name + own, part.id, own, part.fact(fact + own).typical, part.si(fact + own), sd)
