"""Which kernels are measured at which shapes.

Products: the shapes of transformer layers from 1,024 to 8,192 wide, from 16 rows (bound by memory) to 16,384 (bound by
arithmetic), with a few whose rows are not aligned; inner lengths from 128 up tell a tile's prologue from its main loop.
Streams: from what a launch outweighs to what a cache cannot hold. Attention: causal, as many tokens at every length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Protocol

from weft.calibration.gpu_measurements import Measurement


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one kernel over its repeats: median, first and third quartile."""

    median_s: float
    low_s: float
    high_s: float
    repeats: int


class Device(Protocol):
    """An accelerator on which kernels can be timed. A kernel that it cannot run raises RuntimeError."""

    device: str
    multiprocessors: int
    software: str

    def gemm(self, m: int, n: int, k: int, precision: str) -> Timing:
        """(m×k) by (k×n), from operands that are there already, to a 16-bit result."""
        ...

    def sustained_gemm(self, m: int, n: int, k: int, precision: str, seconds: float) -> Timing:
        """One of many products back to back, over the last third of so many seconds."""
        ...

    def copy(self, moved_bytes: int) -> Timing:
        """Copy half as many bytes."""
        ...

    def elementwise(self, moved_bytes: int) -> Timing:
        """Add two 16-bit tensors to a third, each of a third of the bytes."""
        ...

    def cast(self, m: int, k: int) -> Timing:
        """Find the greatest value of a 16-bit operand, and cast it to FP8."""
        ...

    def attention(
        self, kernel: str, batch: int, heads: int, head_dim: int, sequence: int, precision: str
    ) -> tuple[Timing, Timing]:
        """Causal attention, forward and backward."""
        ...


@dataclass(frozen=True)
class Sizes:
    """Shapes to measure.

    Attributes:
        rows: m of the products.
        weights: their (n, k).
        unaligned: (m, n, k) whose rows are no multiple of 16 bytes.
        sustained: (m, n, k) of products run back to back.
        stream_bytes: of copies and additions.
        tokens: of attention, split over sequences.
        width: heads times their width.
        sequences: lengths.
    """

    rows: tuple[int, ...]
    weights: tuple[tuple[int, int], ...]
    unaligned: tuple[tuple[int, int, int], ...]
    sustained: tuple[tuple[int, int, int], ...]
    stream_bytes: tuple[int, ...]
    tokens: int
    width: int
    sequences: tuple[int, ...]


_WEIGHTS = (
    *((side, side) for side in (256, 1024, 2048, 4096, 8192)),
    *((4096, inner) for inner in (128, 256, 512, 1024, 14336)),
    *((outer, 4096) for outer in (256, 1024, 6144, 28672)),
    (10240, 8192), (28672, 8192), (8192, 28672),
)  # fmt: skip
FULL = Sizes(
    rows=(16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
    weights=_WEIGHTS,
    unaligned=((4096, 4099, 4096), (4096, 4096, 4099), (2048, 4097, 2049), (8192, 5003, 4096), (8192, 4096, 1001)),
    sustained=((8192, 8192, 8192), (8192, 28672, 8192), (16384, 4096, 4096)),
    stream_bytes=tuple(3 * 2**power for power in range(16, 31)),
    tokens=16384,
    width=2048,
    sequences=(512, 1024, 2048, 4096, 8192, 16384),
)
QUICK = Sizes(
    rows=(16, 512, 1024, 2048),
    weights=((256, 256), (512, 256), (256, 1024), (1024, 512), (1024, 1024)),
    unaligned=((512, 257, 512), (1024, 512, 257)),
    sustained=((1024, 1024, 512),),
    stream_bytes=tuple(3 * 2**power for power in (14, 16, 18, 20, 22, 24)),
    tokens=1024,
    width=256,
    sequences=(128, 256, 512, 1024),
)


def measure(
    device: Device,
    sizes: Sizes,
    *,
    precisions: Iterable[str],
    kernels: Iterable[str],
    sustain_s: float = 0.0,
    progress: Callable[[list[Callable[[], Measurement]]], Iterable[Callable[[], Measurement]]] = iter,
) -> tuple[list[Measurement], list[str]]:
    """Measure a device; return the rows, and why others are missing.

    Args:
        device: what runs and times the kernels.
        sizes: the shapes.
        precisions: of products, of `gpu_measurements.PRECISIONS`.
        kernels: of attention, of `gpu_measurements.KERNELS`.
        sustain_s: how long to run products back to back for the clock under load; 0 leaves that out.
        progress: goes through the list of things to measure, and may say how far it is.
    """
    rows, missing = [], []
    for kernel in progress(list(_tasks(device, sizes, tuple(precisions), tuple(kernels), sustain_s))):
        try:
            rows.append(kernel())
        except RuntimeError as error:
            missing.append(" ".join(str(error).split())[:100])
    return rows, missing


def _tasks(
    device: Device, sizes: Sizes, precisions: tuple[str, ...], kernels: tuple[str, ...], sustain_s: float
) -> Iterator[Callable[[], Measurement]]:
    narrow = next((precision for precision in precisions if precision != "fp8"), "bf16")
    about: dict[str, Any] = {name: getattr(device, name) for name in ("device", "multiprocessors", "software")}

    def row(operation: str, precision: str, timing: Timing, **shape: Any) -> Measurement:
        times = {"median_us": timing.median_s, "low_us": timing.low_s, "high_us": timing.high_s}
        scaled: dict[str, Any] = {name: round(1e6 * value, 4) for name, value in times.items()}
        return Measurement(operation, precision, **scaled, repeats=timing.repeats, **about, **shape)

    def gemm(m: int, n: int, k: int, precision: str) -> Measurement:
        return row("gemm", precision, device.gemm(m, n, k, precision), m=m, n=n, k=k)

    def sustained(m: int, n: int, k: int, precision: str) -> Measurement:
        return row("sustained_gemm", precision, device.sustained_gemm(m, n, k, precision, sustain_s), m=m, n=n, k=k)

    def copy(size: int) -> Measurement:
        return row("copy", narrow, device.copy(size), moved_bytes=size)

    def elementwise(size: int) -> Measurement:
        return row("elementwise", narrow, device.elementwise(size), moved_bytes=size)

    def cast(m: int, k: int) -> Measurement:
        return row("cast", "fp8", device.cast(m, k), m=m, k=k)

    def attention(kernel: str, head_dim: int, sequence: int) -> Measurement:
        batch, heads = max(1, sizes.tokens // sequence), sizes.width // head_dim
        ahead, back = device.attention(kernel, batch, heads, head_dim, sequence, narrow)
        shape = {"batch": batch, "heads": heads, "head_dim": head_dim, "sequence": sequence}
        return row("attention", narrow, ahead, backward_us=round(1e6 * back.median_s, 4), kernel=kernel, **shape)

    for precision in precisions:
        shapes = [(m, n, k) for n, k in sizes.weights for m in sizes.rows]
        for m, n, k in [*shapes, *(() if precision == "fp8" else sizes.unaligned)]:
            yield partial(gemm, m, n, k, precision)
    for stream, size in product((copy, elementwise), sizes.stream_bytes):
        yield partial(stream, size)
    if "fp8" in precisions:
        for m, k in sorted({(m, k) for m in sizes.rows for _, k in sizes.weights if m >= 512}):
            yield partial(cast, m, k)
    for kernel, head_dim, sequence in product(kernels, (64, 128), sizes.sequences):
        yield partial(attention, kernel, head_dim, sequence)
    for precision, shape in product(precisions if sustain_s > 0 else (), sizes.sustained):
        yield partial(sustained, *shape, precision)
