"""How long one kernel runs on one accelerator: a roofline with tiles, waves and measured efficiencies.

A matrix multiplication is cut into output tiles that fill the streaming multiprocessors in whole waves; a partly
filled last wave costs as much as a full one, and a short inner dimension never amortises a tile's prologue. That is
enough to follow tens of thousands of measured GEMMs to a few per cent with constants that mean something (see the
`kernels` parts of the catalog and docs/training.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, UnknownName


@dataclass(frozen=True)
class Format:
    """How products of a precision take their operands.

    Attributes:
        peak: the catalog's word for the precision whose published rate they have.
        constants: the catalog's word for its own constants, or for all 16-bit formats.
        element_bytes: bytes of an operand's element, with its share of a block's scale.
        cast_bytes: bytes of memory traffic an element that quantising an operand takes; 0 where it is used as it is.
    """

    peak: str
    constants: str
    element_bytes: float
    cast_bytes: float = 0.0


# FP8 looks for the greatest value, then casts (2 + 2 read, 1 written). MXFP8 casts blocks of 32 by rows and by columns,
# with a byte of scale each, in one pass. NVFP4 looks for the greatest value, rotates, and casts blocks of 16 both ways.
FORMATS = {
    "fp16": Format("bf16", "bf16", 2.0),
    "bf16": Format("bf16", "bf16", 2.0),
    "fp8": Format("fp8", "fp8", 1.0, 5.0),
    "mxfp8": Format("fp8", "mxfp8", 1.0 + 1 / 32, 4.0 + 2 / 32),
    "fp4": Format("fp4", "fp4", 0.5 + 1 / 16, 5.0 + 2 / 16),
}

# Rows and columns of the output tiles that GEMM libraries choose from.
TILES = ((256, 128), (128, 256), (128, 128), (64, 128), (128, 64))


@dataclass(frozen=True)
class Kernels:
    """Kernel times on one accelerator.

    Attributes:
        peak: dense FLOP/s at this precision of those multiprocessors, at the clock that minutes of load sustain.
        attention_peak: theirs at 16 bits, in which attention runs whatever the matrices' precision.
        memory_Bps: sustained memory bandwidth of streaming kernels (peak times measured fraction).
        multiprocessors: streaming multiprocessors that share a GEMM's tiles.
        gemm_fraction: fraction of peak that one resident tile reaches in its main loop.
        gemm_prologue_k: inner length whose time a tile spends filling and draining its pipeline.
        unaligned_fraction: what is left of the rate where rows of an operand are no multiple of 16 bytes.
        gemm_memory_Bps: memory bandwidth a GEMM's operands reach.
        small_tile_fraction: a 64-wide tile's main loop against a full one's.
        launch_s: fixed time per kernel.
        element_bytes: bytes of one operand element.
        cast_Bps: bandwidth of the pass that quantises an operand; None where operands are used as they are.
        cast_bytes: bytes that pass moves an element.
    """

    peak: float
    attention_peak: float
    memory_Bps: float
    multiprocessors: int
    gemm_fraction: float
    gemm_prologue_k: float
    gemm_memory_Bps: float
    small_tile_fraction: float
    unaligned_fraction: float
    launch_s: float
    element_bytes: float
    cast_Bps: float | None = None
    cast_bytes: float = 5.0

    def gemm(
        self, m: int, n: int, k: int, *, output_bytes: float = 2.0, count: int = 1, quantised: bool = False
    ) -> float:
        """Seconds for ``count`` independent products of (m×k) by (k×n) in one launch.

        ``quantised``: the narrow operand is there already, and needs no pass of its own.
        """
        return _gemm_time(self, m, n, k, output_bytes, count, quantised)

    def stream(self, size_bytes: float) -> float:
        """Seconds for an element-wise kernel that moves so many bytes."""
        return self.launch_s + size_bytes / self.memory_Bps


@lru_cache(maxsize=65536)
def _gemm_time(kernels: Kernels, m: int, n: int, k: int, output_bytes: float, count: int, quantised: bool) -> float:
    best = math.inf
    # Of the element alone, without its share of a scale: 2, 1 or half a byte.
    width = 2.0 ** math.floor(math.log2(kernels.element_bytes))
    aligned = all(size * width % 16 == 0 for size in (n, k))
    for rows, columns in TILES:
        tiles = count * math.ceil(m / rows) * math.ceil(n / columns)
        waves = math.ceil(tiles / kernels.multiprocessors)
        fraction = kernels.gemm_fraction * (kernels.small_tile_fraction if rows * columns < 128 * 128 else 1.0)
        fraction *= 1.0 if aligned else kernels.unaligned_fraction
        flops = 2.0 * rows * columns * (k + kernels.gemm_prologue_k)
        best = min(best, waves * kernels.multiprocessors * flops / (kernels.peak * fraction))
    moved = count * (kernels.element_bytes * (m * k + n * k) + output_bytes * m * n)
    cast = count * kernels.cast_bytes * m * k / kernels.cast_Bps if kernels.cast_Bps and not quantised else 0.0
    return kernels.launch_s + max(best, moved / kernels.gemm_memory_Bps) + cast


def kernels_for(catalog: Catalog, accelerator: Part, precision: str, gemm_scale: float = 1.0, held: int = 0) -> Kernels:
    """Build the kernel model of an accelerator at a precision from its `kernels` part.

    Args:
        catalog: the catalog in use.
        accelerator: the accelerator's part; its `kernels` field names its generation's constants.
        precision: one of `FORMATS`.
        gemm_scale: what the software stack's GEMM library reaches of the measured reference (its `gemm_x`).
        held: multiprocessors that communication holds all the time.

    Raises:
        ConfigError: the accelerator has no measured kernel constants or no such precision.
    """
    generation, form = catalog.get("kernels", generation_of(catalog, accelerator)), FORMATS[precision]
    own = form.constants
    if not (accelerator.has(f"{form.peak}_dense_tflops") and generation.has(f"{own}_gemm_frac")):
        known = [each for each in FORMATS if generation.has(f"{FORMATS[each].constants}_gemm_frac")]
        raise ConfigError(
            f"{accelerator.id} has no measured products in {precision}; use {', '.join(known[:-1])} or {known[-1]}",
            field="precision",
        )
    sustained = generation.si(_sustained(generation, form)) * power_limit(accelerator, generation)
    memory = accelerator.si("hbm_tBps")
    multiprocessors = round(generation.si("multiprocessors_count"))
    left = 1.0 - held / multiprocessors
    return Kernels(
        peak=accelerator.si(f"{form.peak}_dense_tflops") * sustained * left,
        attention_peak=accelerator.si("bf16_dense_tflops") * left,
        memory_Bps=memory * generation.si("stream_frac"),
        multiprocessors=multiprocessors - held,
        gemm_fraction=generation.si(f"{own}_gemm_frac") * gemm_scale,
        gemm_prologue_k=generation.si(f"{own}_gemm_prologue_k_count"),
        gemm_memory_Bps=memory * generation.si(f"{own}_gemm_memory_frac"),
        small_tile_fraction=generation.si("bf16_small_tile_frac"),
        unaligned_fraction=generation.si("unaligned_frac"),
        launch_s=generation.si("launch_us"),
        element_bytes=form.element_bytes,
        cast_Bps=memory * generation.si(f"{own}_cast_frac") if form.cast_bytes else None,
        cast_bytes=form.cast_bytes,
    )


def _sustained(generation: Part, form: Format) -> str:
    """The clock under load: of its own where one was found, else of the precision whose rate it has."""
    own = f"{form.constants}_sustained_frac"
    return own if generation.has(own) else f"{form.peak}_sustained_frac"


def power_limit(accelerator: Part, generation: Part) -> float:
    """Clock of a part with a lower power limit than its generation's reference, whose clock is set by power.

    Dynamic power goes with frequency times voltage squared; between the voltage floor (f ~ P) and the knee
    (f ~ P^1/3) the square root is taken.
    """
    reference = generation.si("reference_power_w")
    return min(1.0, math.sqrt(accelerator.si("tdp_w") / reference))


def generation_of(catalog: Catalog, accelerator: Part) -> str:
    """The `kernels` part that holds an accelerator's measured efficiencies, by the accelerators it lists."""
    measured = {name: part.id for part in catalog.parts("kernels") for name in part.plain.get("accelerators", ())}
    if accelerator.id not in measured:
        raise UnknownName(
            "accelerator with measured kernel efficiencies", accelerator.id, measured, field="accelerator"
        )
    return measured[accelerator.id]


def lineage(catalog: Catalog, generation: str) -> list[str]:
    """A `kernels` part and those it extends, nearest first: what holds for one of them holds for it."""
    found = [generation]
    while (parent := catalog.get("kernels", found[-1]).text("extends")) is not None and parent not in found:
        found.append(parent)
    return found
