"""Kernels timed with PyTorch: on CUDA and ROCm by events on the device, on a CPU by the clock.

Before each repeat a buffer larger than the last-level cache is written, so that operands come from memory, and the
device has queued work while the host launches the next kernel: events then tell the kernel's time, not the host's.
After a warm-up the median of as many repeats as fit in a tenth of a second is taken, 9 at least. Operands are drawn
from a normal distribution: zeros draw less power and run at a higher clock. On a CPU that does other work too, threads
wait for each other; OMP_NUM_THREADS=1 gives steadier times there.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from weft.calibration.gpu_sweep import Timing
from weft.errors import ConfigError

_BUDGET_S = 0.1
_LEAST, _MOST = 9, 200
_WARM_UP = 3
_FLUSH_BYTES = {"cuda": 512 << 20, "cpu": 16 << 20}
_BATCH_S = 0.25
_BACKENDS = {"flash2": "FLASH_ATTENTION", "flash3": "CUDNN_ATTENTION"}


class TorchDevice:
    """A `weft.calibration.gpu_sweep.Device` by PyTorch.

    Attributes:
        device: name as the driver gives it.
        multiprocessors: streaming multiprocessors or compute units; threads of a CPU.
        software: PyTorch's version, and CUDA's or ROCm's.
    """

    def __init__(self, device: str | None = None) -> None:
        """Open a device: ``"cuda"`` (ROCm's too), ``"cuda:1"``, ``"cpu"``; None takes the first GPU.

        Raises:
            ConfigError: PyTorch is not installed, or has no such device.
        """
        self._torch: Any = _import_torch()
        torch = self._torch
        self._kind = (device or "cuda").partition(":")[0]
        if self._kind not in _FLUSH_BYTES:
            raise ConfigError(f"expected cuda (ROCm's name too), cuda:1 or cpu, read {device!r:.40}", field="--device")
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self._kind == "cuda" and not gpus:
            raise ConfigError(
                "PyTorch finds no GPU here; --device cpu tries the command out, --from fits a table measured elsewhere",
                field="--device",
            )
        try:
            self._on = torch.device(device or "cuda:0")
        except RuntimeError:
            raise ConfigError(f"PyTorch knows no device {device!r:.40}", field="--device") from None
        if self._kind == "cuda" and (self._on.index or 0) >= gpus:
            raise ConfigError(f"there are {gpus} GPUs, the last is cuda:{gpus - 1}", field="--device")
        self.software = f"torch {torch.__version__}"
        if self._kind == "cuda":
            torch.cuda.set_device(self._on)
            found = torch.cuda.get_device_properties(self._on)
            self.device, self.multiprocessors = str(found.name), int(found.multi_processor_count)
            hip = torch.version.hip
            self.software += f", ROCm {hip}" if hip else f", CUDA {torch.version.cuda}"
        else:
            self.device, self.multiprocessors = "cpu", int(torch.get_num_threads())
        self._buffer = torch.empty(_FLUSH_BYTES[self._kind], dtype=torch.int8, device=self._on)
        torch.manual_seed(0)
        fnuz = self._kind == "cuda" and torch.version.hip and "gfx94" in getattr(found, "gcnArchName", "")
        self._types = {
            "bf16": torch.bfloat16,
            "fp16": torch.float16,
            "fp8": torch.float8_e4m3fnuz if fnuz else torch.float8_e4m3fn,
        }

    def supports(self, precision: str) -> bool:
        """Whether products of this precision run."""
        return self._runs(lambda: self.gemm(64, 64, 64, precision))

    def attention_kernels(self) -> tuple[str, ...]:
        """The attention kernels that run."""
        return tuple(
            kernel for kernel in _BACKENDS if self._runs(partial(self.attention, kernel, 1, 2, 64, 128, "bf16"))
        )

    def gemm(self, m: int, n: int, k: int, precision: str) -> Timing:
        """See `weft.calibration.gpu_sweep.Device`."""
        return self._time(self._product(m, n, k, precision))

    def sustained_gemm(self, m: int, n: int, k: int, precision: str, seconds: float) -> Timing:
        """See `weft.calibration.gpu_sweep.Device`."""
        call = self._product(m, n, k, precision)
        each = self._time(call).median_s
        count = max(1, round(min(_BATCH_S, seconds / 10) / each))
        times, begun = [], time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            for _ in range(count):
                call()
            self._wait()
            if now - begun > 2 * seconds / 3:
                times.append((time.perf_counter() - now) / count)
        return _timing(times or [each])

    def copy(self, moved_bytes: int) -> Timing:
        """See `weft.calibration.gpu_sweep.Device`."""
        source = self._normal(moved_bytes // 4)
        target = self._torch.empty_like(source)
        return self._time(lambda: target.copy_(source))

    def elementwise(self, moved_bytes: int) -> Timing:
        """See `weft.calibration.gpu_sweep.Device`."""
        a, b = (self._normal(moved_bytes // 6) for _ in range(2))
        out = self._torch.empty_like(a)
        return self._time(lambda: self._torch.add(a, b, out=out))

    def cast(self, m: int, k: int) -> Timing:
        """See `weft.calibration.gpu_sweep.Device`."""
        operand, greatest = self._normal(m, k), self._torch.linalg.vector_norm
        return self._time(lambda: (greatest(operand, ord=float("inf")), operand.to(self._types["fp8"])))

    def attention(
        self, kernel: str, batch: int, heads: int, head_dim: int, sequence: int, precision: str
    ) -> tuple[Timing, Timing]:
        """See `weft.calibration.gpu_sweep.Device`."""
        torch = self._torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        q, k, v = (self._normal(batch, heads, sequence, head_dim, precision=precision) for _ in range(3))
        for tensor in (q, k, v):
            tensor.requires_grad_()
        with warnings.catch_warnings(), sdpa_kernel(getattr(SDPBackend, _BACKENDS[kernel])):
            warnings.simplefilter("ignore")  # PyTorch warns of why a kernel does not run, and then raises

            def forward() -> Any:
                return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

            out = forward()
            gradient = torch.randn_like(out)
            ahead = self._time(forward)
            back = self._time(lambda: torch.autograd.grad(out, (q, k, v), gradient, retain_graph=True))
        return ahead, back

    def _normal(self, *shape: int, precision: str = "bf16") -> Any:
        return self._torch.randn(*shape, device=self._on, dtype=self._types[precision])

    def _product(self, m: int, n: int, k: int, precision: str) -> Callable[[], Any]:
        torch = self._torch
        if precision != "fp8":
            a, b = self._normal(m, k, precision=precision), self._normal(n, k, precision=precision).t()
            out = torch.empty(m, n, device=self._on, dtype=a.dtype)
            return lambda: torch.mm(a, b, out=out)
        a, b = self._normal(m, k).to(self._types["fp8"]), self._normal(n, k).to(self._types["fp8"]).t()
        one = torch.ones((), device=self._on)
        return lambda: torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)

    def _runs(self, kernel: Callable[[], Any]) -> bool:
        try:
            kernel()
        except (RuntimeError, NotImplementedError, AttributeError, ValueError):
            return False
        return True

    def _wait(self) -> None:
        if self._kind == "cuda":
            self._torch.cuda.synchronize(self._on)

    def _time(self, call: Callable[[], Any]) -> Timing:
        for _ in range(_WARM_UP):
            call()
        self._wait()
        begun = time.perf_counter()
        self._buffer.zero_()
        call()
        self._wait()
        repeats = round(min(_MOST, max(_LEAST, _BUDGET_S / max(time.perf_counter() - begun, 1e-6))))
        return _timing(self._by_events(call, repeats) if self._kind == "cuda" else self._by_clock(call, repeats))

    def _by_events(self, call: Callable[[], Any], repeats: int) -> list[float]:
        event = self._torch.cuda.Event
        pairs = [(event(enable_timing=True), event(enable_timing=True)) for _ in range(repeats)]
        for begin, end in pairs:
            self._buffer.zero_()
            begin.record()
            call()
            end.record()
        self._wait()
        return [begin.elapsed_time(end) * 1e-3 for begin, end in pairs]

    def _by_clock(self, call: Callable[[], Any], repeats: int) -> list[float]:
        times = []
        for _ in range(repeats):
            self._buffer.zero_()
            begun = time.perf_counter()
            call()
            times.append(time.perf_counter() - begun)
        return times


def _timing(times: list[float]) -> Timing:
    low, median, high = (float(each) for each in np.percentile(times, (25, 50, 75)))
    return Timing(median, low, high, len(times))


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ConfigError(
            "measuring needs PyTorch: pip install 'weft[gpu]' (for ROCm see pytorch.org);"
            " --from fits a table measured elsewhere"
        ) from None
    return torch
