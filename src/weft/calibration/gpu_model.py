"""The kernel model of `weft.workload`, over a whole table of measurements at once and for any constants.

A fit asks for every row's time some hundred times, each time with other constants. What does not depend on them (tiles,
waves, bytes, FLOPs) is worked out once; then a call is a few array operations, O(rows × tile shapes). The formulae are
those of `weft.workload.roofline.Kernels` and `weft.workload.attention.Fused`; tests hold the two to the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from weft.calibration.gpu_measurements import Measurement
from weft.catalog import Part
from weft.workload.roofline import TILES, power_limit

Floats = NDArray[np.float64]
_CAST_BYTES = 5.0  # 2 + 2 read by the search for the greatest value and by the cast, 1 written
_BACKWARD = 3.5  # products of forward and backward together, over those of the forward


class GpuModel:
    """Predicted seconds of measured rows.

    Attributes:
        rows: what is predicted, in order.
        multiprocessors: of the device.
    """

    def __init__(self, rows: Sequence[Measurement], accelerator: Part, generation: Part, multiprocessors: int) -> None:
        self.rows = tuple(rows)
        self.multiprocessors = multiprocessors
        self._memory = accelerator.si("hbm_tBps")
        self._peak = {
            prefix: accelerator.si(f"{prefix}_dense_tflops")
            for prefix in ("bf16", "fp8")
            if accelerator.has(f"{prefix}_dense_tflops")
        }
        self._power = power_limit(accelerator, generation)
        self._gemms = {
            (prefix, sustained): self._gemm_columns(prefix, sustained)
            for prefix in self._peak
            for sustained in (False, True)
        }
        self._streams = np.array([at for at, row in enumerate(rows) if row.operation in ("copy", "elementwise")], int)
        self._moved = np.array([float(rows[at].moved_bytes) for at in self._streams])
        self._casts = np.array([at for at, row in enumerate(rows) if row.operation == "cast"], int)
        self._cast_bytes = np.array([_CAST_BYTES * rows[at].m * rows[at].k for at in self._casts])
        self._attention = {
            (kernel, width): self._attention_columns(kernel, width)
            for kernel, width in sorted({(row.kernel, row.head_dim) for row in rows if row.operation == "attention"})
        }

    def _gemm_columns(self, prefix: str, sustained: bool) -> tuple[Floats, ...]:
        name = "sustained_gemm" if sustained else "gemm"
        at = [
            index
            for index, row in enumerate(self.rows)
            if row.operation == name and (row.precision == "fp8") == (prefix == "fp8")
        ]
        m, n, k = (np.array([getattr(self.rows[index], size) for index in at], float) for size in "mnk")
        waves = np.stack(
            [np.ceil(np.ceil(m / r) * np.ceil(n / c) / self.multiprocessors) * r * c for r, c in TILES], axis=1
        )
        width = 1.0 if prefix == "fp8" else 2.0
        aligned = (n * width % 16 == 0) & (k * width % 16 == 0)
        moved = width * (m * k + n * k) + 2.0 * m * n
        return np.array(at, int), 2.0 * self.multiprocessors * waves, k, aligned, moved

    def _attention_columns(self, kernel: str, width: int) -> tuple[Floats, ...]:
        at = [
            index
            for index, row in enumerate(self.rows)
            if (row.operation, row.kernel, row.head_dim) == ("attention", kernel, width)
        ]
        sequence = np.array([self.rows[index].sequence for index in at], float)
        tokens = sequence * [self.rows[index].batch for index in at]
        heads = np.array([self.rows[index].heads for index in at], float)
        return np.array(at, int), _BACKWARD * 2.0 * tokens * 2.0 * heads * width * (sequence + 1) / 2, sequence

    def seconds(self, value: Mapping[str, float]) -> Floats:
        """Seconds of each row.

        Args:
            value: constants in SI, by the names that `weft.calibration.gpu_constants` gives them.
        """
        seconds = np.full(len(self.rows), value["launch_us"])
        small = np.array([value["bf16_small_tile_frac"] if r * c < 128 * 128 else 1.0 for r, c in TILES])
        for (prefix, sustained), (at, flops, k, aligned, moved) in self._gemms.items():
            if len(at):
                rate = self._peak[prefix] * value[f"{prefix}_gemm_frac"]
                rate *= value[f"{prefix}_sustained_frac"] * self._power if sustained else 1.0
                rates = rate * np.where(aligned.astype(bool), 1.0, value["unaligned_frac"])
                loops = (flops / small).min(axis=1) * (k + value[f"{prefix}_gemm_prologue_k_count"]) / rates
                seconds[at] += np.maximum(loops, moved / (self._memory * value[f"{prefix}_gemm_memory_frac"]))
        seconds[self._streams] += self._moved / (self._memory * value["stream_frac"])
        if len(self._casts):
            seconds[self._casts] += value["launch_us"] + self._cast_bytes / (self._memory * value["fp8_cast_frac"])
        for (kernel, width), (at, flops, sequence) in self._attention.items():
            rate = self._peak["bf16"] * value[f"{kernel}.hd{width}_frac"]
            saturation = 1.0 + value[f"{kernel}.saturation_count"] / sequence
            seconds[at] += value["launch_us"] + flops * saturation / rate
        return seconds
