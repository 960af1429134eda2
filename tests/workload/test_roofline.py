"""Kernel times: bounds that no kernel can beat, monotony, waves, and measured matrix products."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.catalog import Part, load_catalog
from weft.errors import ConfigError, UnknownName
from weft.workload.roofline import Kernels, generation_of, kernels_for


def accelerator(name: str) -> Part:
    return load_catalog().get("accelerators", name)


def kernels(name: str, precision: str = "bf16") -> Kernels:
    return kernels_for(load_catalog(), accelerator(name), precision)


H100, H100_FP8, A100, B200 = (
    kernels("h100_sxm"),
    kernels("h100_sxm", "fp8"),
    kernels("a100_sxm_80"),
    kernels("b200_hgx"),
)
some = st.sampled_from([H100, H100_FP8, A100, B200])
size = st.integers(1, 2000).map(lambda n: 16 * n)  # rows of whole 16 bytes


# Milliseconds that ai-dynamo/aiconfigurator publishes (commit 095f58a, systems/data: gemm_perf.parquet, bfloat16) for
# (m, n, k); A100 SXM 80 GB with SGLang 0.5.10, H100 SXM with TensorRT-LLM 1.3.0rc20.
MEASURED = [
    ("a100_sxm_80", 2048, 12288, 12288, 2.6354),
    ("a100_sxm_80", 2048, 6144, 12288, 1.3013),
    ("a100_sxm_80", 2048, 1536, 12288, 0.3001),
    ("a100_sxm_80", 4096, 4096, 4096, 0.5489),
    ("a100_sxm_80", 8192, 4096, 4096, 1.1392),
    ("a100_sxm_80", 8192, 8192, 8192, 4.2804),
    ("a100_sxm_80", 16384, 1024, 8192, 1.1091),
    ("h100_sxm", 2048, 12288, 12288, 0.7566),
    ("h100_sxm", 2048, 6144, 12288, 0.3833),
    ("h100_sxm", 2048, 1536, 12288, 0.0984),
    ("h100_sxm", 4096, 4096, 4096, 0.1743),
    ("h100_sxm", 8192, 4096, 4096, 0.3436),
    ("h100_sxm", 8192, 8192, 8192, 1.4048),
    ("h100_sxm", 16384, 1024, 8192, 0.3383),
]


@pytest.mark.parametrize(("name", "m", "n", "k", "ms"), MEASURED)
def test_measured_products(name: str, m: int, n: int, k: int, ms: float) -> None:
    # A benchmark lasts milliseconds and runs at the boost clock, a training step at what minutes of load sustain.
    at_boost = replace(kernels(name), peak=accelerator(name).si("bf16_dense_tflops"))
    assert 1e3 * at_boost.gemm(m, n, k) == pytest.approx(ms, rel=0.15)


@given(kernel=some, m=size, n=size, k=size)
def test_no_product_beats_the_peak_or_the_memory(kernel: Kernels, m: int, n: int, k: int) -> None:
    found = kernel.gemm(m, n, k)
    assert found >= kernel.launch_s + 2.0 * m * n * k / kernel.peak
    assert found >= kernel.launch_s + (kernel.element_bytes * (m * k + n * k) + 2.0 * m * n) / kernel.gemm_memory_Bps


@pytest.mark.parametrize("name", ["h100_sxm", "a100_sxm_80", "b200_hgx"])
def test_sustained_figures_stay_below_the_published_peaks(name: str) -> None:
    part, kernel = accelerator(name), kernels(name)
    assert 0 < kernel.peak <= part.si("bf16_dense_tflops")
    assert 0 < kernel.gemm_fraction < 1
    for bandwidth in (kernel.memory_Bps, kernel.gemm_memory_Bps):
        assert 0 < bandwidth < part.si("hbm_tBps")


@given(kernel=some, m=size, n=size, k=size, which=st.sampled_from("mnk"), more=st.integers(1, 500))
def test_larger_products_never_take_less(kernel: Kernels, m: int, n: int, k: int, which: str, more: int) -> None:
    larger = {"m": m, "n": n, "k": k}
    larger[which] += 16 * more
    assert kernel.gemm(**larger) >= kernel.gemm(m, n, k)


@given(kernel=some, m=st.integers(1, 5000), n=size, k=size, rows=st.integers(1, 100))
def test_the_number_of_rows_may_be_odd(kernel: Kernels, m: int, n: int, k: int, rows: int) -> None:
    assert kernel.gemm(m + rows, n, k) >= kernel.gemm(m, n, k)


@given(kernel=some, count=st.integers(1, 50))
def test_a_batch_of_products_beats_as_many_launches(kernel: Kernels, count: int) -> None:
    one, all_of_them = kernel.gemm(512, 512, 128), kernel.gemm(512, 512, 128, count=count)
    assert one <= all_of_them * (1 + 1e-12)
    assert all_of_them <= count * one * (1 + 1e-12)


@pytest.mark.parametrize("kernel", [H100, A100])
def test_rows_that_are_no_multiple_of_16_bytes_are_slower(kernel: Kernels) -> None:
    aligned = kernel.gemm(4096, 4096, 4096)
    assert kernel.gemm(4096, 4095, 4096) > 1.5 * aligned
    assert kernel.gemm(4096, 4096, 4095) > 1.5 * aligned
    assert kernel.gemm(4095, 4096, 4096) <= aligned  # rows of neither operand: m only counts them


def test_one_tile_more_than_a_wave_costs_a_wave() -> None:
    """132 multiprocessors take 132 square tiles at once; the 133rd starts another wave that costs as much."""
    kernel = replace(H100, small_tile_fraction=1e-6, gemm_memory_Bps=1e18, launch_s=0.0)  # no small tiles
    k = 65536
    wave = 132 * 2.0 * 128 * 128 * (k + kernel.gemm_prologue_k) / (kernel.peak * kernel.gemm_fraction)
    for tiles, waves in ((1, 1), (131, 1), (132, 1), (133, 2), (264, 2), (265, 3), (396, 3)):
        assert kernel.gemm(128, 128 * tiles, k) == pytest.approx(waves * wave), tiles


def test_multiprocessors_that_communicate_do_not_compute() -> None:
    """20 of 132 held (DeepSeek-V3, section 3.5.1): waves of 112 tiles take as long as those of 132."""
    part = load_catalog().get("accelerators", "h800_sxm")
    whole, less = (kernels_for(load_catalog(), part, "fp8", held=held) for held in (0, 20))
    assert (whole.multiprocessors, less.multiprocessors) == (132, 112)
    assert less.peak / whole.peak == pytest.approx(112 / 132)
    assert less.attention_peak / whole.attention_peak == pytest.approx(112 / 132)
    eight_waves = [kernels.gemm(2048, 128 * kernels.multiprocessors, 8192) for kernels in (whole, less)]
    assert eight_waves[0] == pytest.approx(eight_waves[1])
    assert less.stream(1e9) == whole.stream(1e9)


def test_a_long_product_approaches_the_fraction_of_the_peak() -> None:
    kernel = replace(H100, launch_s=0.0)
    m, n, k = 256 * 12, 128 * 11, 1 << 20  # 132 tiles exactly
    rate = 2.0 * m * n * k / kernel.gemm(m, n, k)
    assert rate == pytest.approx(kernel.peak * kernel.gemm_fraction, rel=1e-3)


@given(kernel=some, size_bytes=st.floats(0, 1e12))
def test_streaming_takes_a_launch_and_the_bytes(kernel: Kernels, size_bytes: float) -> None:
    assert kernel.stream(size_bytes) == pytest.approx(kernel.launch_s + size_bytes / kernel.memory_Bps)


def test_fp8_is_faster_but_not_twice_as_fast() -> None:
    """Its operands are quantised first, which costs passes over memory."""
    speed_up = H100.gemm(8192, 8192, 8192) / H100_FP8.gemm(8192, 8192, 8192)
    assert 1.2 < speed_up < H100_FP8.peak / H100.peak


def test_generations_are_found_by_the_accelerators_they_list() -> None:
    catalog = load_catalog()
    assert generation_of(catalog, accelerator("h200_sxm")) == "hopper"
    assert generation_of(catalog, accelerator("a100_sxm_40")) == "ampere"


def test_an_accelerator_without_measurements_is_refused() -> None:
    unmeasured = next(
        part
        for part in load_catalog().parts("accelerators")
        if not any(part.id in kernel.plain["accelerators"] for kernel in load_catalog().parts("kernels"))
    )
    with pytest.raises(UnknownName, match="measured kernel efficiencies"):
        generation_of(load_catalog(), unmeasured)


def test_a_precision_that_the_accelerator_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="fp8"):
        kernels("a100_sxm_80", "fp8")
