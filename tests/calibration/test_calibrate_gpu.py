"""Kernel constants from kernel times: times made from known constants give those constants back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from weft.calibration import calibrate_gpu, write_overlays
from weft.calibration.gpu_constants import constants_for
from weft.calibration.gpu_measurements import Measurement, read_measurements, write_measurements
from weft.calibration.gpu_model import GpuModel
from weft.calibration.gpu_sweep import FULL, Timing, measure
from weft.catalog import load_catalog
from weft.cli import main
from weft.errors import ConfigError
from weft.workload.attention import Fused
from weft.workload.layer import Shard
from weft.workload.roofline import Kernels, kernels_for
from weft.workload.spec import Model
from weft.workload.transformer import Transformer

TRUE = {
    "launch_us": 2.4,
    "stream_frac": 0.91,
    "unaligned_frac": 0.35,
    "bf16_small_tile_frac": 0.9,
    "bf16_gemm_frac": 0.78,
    "bf16_gemm_prologue_k_count": 250.0,
    "bf16_gemm_memory_frac": 0.7,
    "bf16_sustained_frac": 0.77,
    "fp8_gemm_frac": 0.70,
    "fp8_gemm_prologue_k_count": 500.0,
    "fp8_gemm_memory_frac": 0.6,
    "fp8_sustained_frac": 0.88,
    "fp8_cast_frac": 0.5,
}
ATTENTION = {"flash2": ((0.33, 0.38), 700.0), "flash3": ((0.5, 0.66), 1200.0)}


class Synthetic:
    """A device with known constants: times by the model that predicts training, with noise."""

    device, multiprocessors, software = "NVIDIA made up", 132, "none"

    def __init__(self, noise: float = 0.03) -> None:
        self.random, self.noise = np.random.default_rng(5), noise
        catalog = load_catalog()
        self.part = catalog.get("accelerators", "h100_sxm")
        memory = self.part.si("hbm_tBps")
        self.kernels: dict[tuple[str, bool], Kernels] = {}
        for precision in ("bf16", "fp8"):
            for sustained in (False, True):
                clock = TRUE[f"{precision}_sustained_frac"] if sustained else 1.0
                self.kernels[precision, sustained] = replace(
                    kernels_for(catalog, self.part, precision),
                    peak=self.part.si(f"{precision}_dense_tflops") * clock,
                    memory_Bps=memory * TRUE["stream_frac"],
                    gemm_fraction=TRUE[f"{precision}_gemm_frac"],
                    gemm_prologue_k=TRUE[f"{precision}_gemm_prologue_k_count"],
                    gemm_memory_Bps=memory * TRUE[f"{precision}_gemm_memory_frac"],
                    small_tile_fraction=TRUE["bf16_small_tile_frac"],
                    unaligned_fraction=TRUE["unaligned_frac"],
                    launch_s=TRUE["launch_us"] * 1e-6,
                )

    def _timing(self, seconds: float) -> Timing:
        noisy = seconds * float(np.exp(self.noise * self.random.standard_normal()))
        return Timing(noisy, noisy, noisy, 9)

    def gemm(self, m: int, n: int, k: int, precision: str) -> Timing:
        return self._timing(self.kernels[precision, False].gemm(m, n, k, quantised=True))

    def sustained_gemm(self, m: int, n: int, k: int, precision: str, seconds: float) -> Timing:
        return self._timing(self.kernels[precision, True].gemm(m, n, k, quantised=True))

    def copy(self, moved_bytes: int) -> Timing:
        return self._timing(self.kernels["bf16", False].stream(moved_bytes))

    elementwise = copy

    def cast(self, m: int, k: int) -> Timing:
        moved = 5.0 * m * k / (self.part.si("hbm_tBps") * TRUE["fp8_cast_frac"])
        return self._timing(2 * TRUE["launch_us"] * 1e-6 + moved)

    def attention(
        self, kernel: str, batch: int, heads: int, head_dim: int, sequence: int, precision: str
    ) -> tuple[Timing, Timing]:
        hidden = heads * head_dim
        model = Model(layers=1, hidden=hidden, heads=heads, ffn=4 * hidden, vocab=1000)
        shard = Shard(Transformer(model), sequence, batch, 1, 1, False)
        core, kernels = Fused(*ATTENTION[kernel]), self.kernels["bf16", False]
        return self._timing(core.forward(shard, kernels)), self._timing(core.backward(shard, kernels))


def measured(noise: float = 0.03, **kwargs: object) -> list[Measurement]:
    asked = {"precisions": ("bf16", "fp8"), "kernels": ("flash2", "flash3"), "sustain_s": 1.0, **kwargs}
    rows, missing = measure(Synthetic(noise), FULL, **asked)  # type: ignore[arg-type]
    assert not missing
    return rows


@pytest.fixture(scope="module")
def rows() -> list[Measurement]:
    return measured()


def truth() -> dict[str, float]:
    known = dict(TRUE)
    for kernel, (fracs, saturation) in ATTENTION.items():
        known |= {f"{kernel}.hd64_frac": fracs[0], f"{kernel}.hd128_frac": fracs[1]}
        known[f"{kernel}.saturation_count"] = saturation
    return known


def test_the_fits_model_is_the_one_that_predicts_training() -> None:
    """The array form against Kernels and Fused, to rounding of the table (1e-4 us)."""
    rows = measured(noise=0.0)
    catalog = load_catalog()
    model = GpuModel(
        rows, catalog.get("accelerators", "h100_sxm"), catalog.get("kernels", "hopper"), Synthetic.multiprocessors
    )
    values = truth()
    values["launch_us"] *= 1e-6
    expected = np.array([row.median_us + row.backward_us for row in rows]) * 1e-6
    np.testing.assert_allclose(model.seconds(values), expected, atol=1.1e-10, rtol=1e-9)


def test_known_constants_are_found_again(rows: list[Measurement]) -> None:
    found = calibrate_gpu(rows, "h100_sxm")
    known = truth()
    assert {each.constant.name for each in found.estimates} == set(known)
    inside = 0
    for each in found.estimates:
        name = each.constant.name
        assert each.identified, name
        wide = 0.12 if name.endswith(("count", "memory_frac")) else 0.06
        assert each.value == pytest.approx(known[name], rel=wide), name
        inside += each.low <= known[name] <= each.high
    assert inside >= len(known) - 3  # 95 % intervals of 19 constants
    for group, (count, before, after) in found.median_errors().items():
        assert count > 0
        assert after < 0.03 < before, group


def test_a_device_far_from_its_generation_is_followed(rows: list[Measurement]) -> None:
    """Ten times slower in all: all rates a tenth, launches ten times as long."""
    slow = [replace(row, median_us=10 * row.median_us, backward_us=10 * row.backward_us) for row in rows]
    found = {each.constant.name: each for each in calibrate_gpu(slow, "h100_sxm").estimates}
    for name in ("stream_frac", "bf16_gemm_frac", "fp8_gemm_frac", "flash2.hd128_frac"):
        assert found[name].value == pytest.approx(truth()[name] / 10, rel=0.08), name
    assert found["launch_us"].value == pytest.approx(24, rel=0.08)


def test_single_rows_that_are_far_off_have_little_say(rows: list[Measurement]) -> None:
    odd = [replace(row, median_us=row.median_us * (8 if at % 17 == 0 else 1)) for at, row in enumerate(rows)]
    found = {each.constant.name: each for each in calibrate_gpu(odd, "h100_sxm").estimates}
    assert found["bf16_gemm_frac"].value == pytest.approx(TRUE["bf16_gemm_frac"], rel=0.06)
    assert found["stream_frac"].value == pytest.approx(TRUE["stream_frac"], rel=0.06)


EXAMPLE = Path(__file__).parents[2] / "examples" / "calibration" / "a100_gemm.csv"


@pytest.mark.parametrize("like", ["ampere", "hopper"])
def test_published_times_of_products_are_followed_on_shapes_left_out(like: str) -> None:
    """A100 from its own generation's constants, and from another's: 120 shapes fitted, 120 others predicted."""
    rows = read_measurements(EXAMPLE)
    catalog = load_catalog()
    found = calibrate_gpu(rows[::2], "a100_sxm_80", like=like)
    values = {each.constant.name: each.constant.start_si * each.value / each.constant.start for each in found.estimates}
    model = GpuModel(rows[1::2], found.accelerator, found.base, 108)
    held = np.array([row.median_us for row in rows[1::2]]) * 1e-6
    assert np.median(np.abs(model.seconds(values) / held - 1)) < 0.055
    ampere = catalog.get("kernels", "ampere").si("bf16_gemm_frac")  # fitted to 12,000 shapes, these among them
    assert next(each.value for each in found.estimates if each.constant.name == "bf16_gemm_frac") == pytest.approx(
        ampere, rel=0.04
    )


def test_small_products_are_measured_and_not_fitted(rows: list[Measurement]) -> None:
    odd = [
        replace(row, median_us=row.median_us * (3 if row.operation == "gemm" and row.m < 512 else 1)) for row in rows
    ]
    one, other = calibrate_gpu(rows, "h100_sxm"), calibrate_gpu(odd, "h100_sxm")
    assert one.estimates == other.estimates
    assert other.median_errors()["small gemm, not fitted"][2] > 0.3


def test_what_was_not_measured_is_held() -> None:
    found = calibrate_gpu(measured(precisions=("bf16",), kernels=("flash2",), sustain_s=0.0), "h100_sxm")
    catalog = load_catalog()
    for each in found.estimates:
        untold = each.constant.name.startswith(("fp8", "flash3")) or "sustained" in each.constant.name
        assert each.identified is not untold, each.constant.name
        if untold:
            assert each.value == each.constant.start
    assert len(constants_for(catalog, catalog.get("kernels", "hopper"))) == len(found.estimates)


def test_rows_without_constants_are_left_out_and_counted(rows: list[Measurement]) -> None:
    found = calibrate_gpu(rows, "a100_sxm_80")
    fp8 = sum(row.precision == "fp8" for row in rows)
    assert found.skipped == fp8 > 0
    assert found.multiprocessors == 132


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_table_comes_back_as_it_was_written(rows: list[Measurement], tmp_path: Path, format: str) -> None:
    assert read_measurements(write_measurements(tmp_path, rows, format=format)) == tuple(rows)


def test_the_overlay_changes_the_generation(rows: list[Measurement], tmp_path: Path) -> None:
    files = write_overlays(calibrate_gpu(rows, "h100_sxm"), tmp_path)
    catalog = load_catalog(*files)
    kernels = kernels_for(catalog, catalog.get("accelerators", "h200_sxm"), "bf16")
    assert kernels.gemm_fraction == pytest.approx(TRUE["bf16_gemm_frac"], rel=0.06)
    assert catalog.get("attention", "flash3").si("hopper_hd128_frac") == pytest.approx(0.66, rel=0.06)
    fact = catalog.get("kernels", "hopper").fact("stream_frac")
    assert fact.low < fact.typical < fact.high
    assert fact.confidence == "measured"


def test_a_named_overlay_is_for_this_accelerator_alone_and_keeps_its_stacks(
    rows: list[Measurement], tmp_path: Path
) -> None:
    from weft.workload.stack import load_stack

    plain = load_catalog()
    catalog = load_catalog(*write_overlays(calibrate_gpu(rows, "h100_sxm"), tmp_path, name="ours"))
    ours, others = (
        kernels_for(catalog, catalog.get("accelerators", part), "bf16").gemm_fraction
        for part in ("h100_sxm", "h200_sxm")
    )
    assert ours == pytest.approx(TRUE["bf16_gemm_frac"], rel=0.06)
    assert others == plain.get("kernels", "hopper").si("bf16_gemm_frac")
    mine, was = load_stack(catalog, "llm-foundry", "ours"), load_stack(plain, "llm-foundry", "hopper")
    assert mine.gemm_x == was.gemm_x == 1.0


def test_from_a_table_on_the_command_line(
    rows: list[Measurement], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, out = str(write_measurements(tmp_path, rows)), str(tmp_path / "mine")
    assert main(["calibrate", "gpu", "--from", table, "--accelerator", "h100_sxm", "-o", out, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "weft.calibrate.gpu/1"
    assert answer["rows"] == len(rows)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["attention.yaml", "kernels.yaml"]
    assert main(["calibrate", "gpu", "--from", table, "--accelerator", "h100_sxm"]) == 0
    assert "95 % confidence" in capsys.readouterr().out


HEAD = "operation,precision,m,n,k,median_us,device\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column operation"),
        ("a,b\n1,2\n", "has no column operation"),
        (HEAD, "has no measurements"),
        (HEAD + "gemm,bf16,1,2,3,4,x,9\n", ":2: the row should have as many values"),
        (HEAD + "gemm,bf16,1,2\n", ":2: the row should have as many values"),
        (HEAD + "gem,bf16,1,2,3,4,x\n", "did you mean 'gemm'"),
        (HEAD + "gemm,bf17,1,2,3,4,x\n", "did you mean 'bf16'"),
        (HEAD + "gemm,bf16,1,2,three,4,x\n", ":2: k: expected a whole number"),
        (HEAD + "gemm,bf16,1,2,3,nan,x\n", ":2: median_us: expected a number"),
        (HEAD + "gemm,bf16,1,2,0,4,x\n", ":2: k: gemm needs a number above 0"),
        (HEAD + "gemm,bf16,1,2,3,4,x\ngemm,bf16,1,2,3,4,y\n", "several devices (x, y)"),
        (HEAD + "gemm,bf16,1,2,3,4,x\n", "it takes at least 8"),
        (HEAD.replace("device", "divice") + "gemm,bf16,1,2,3,4,x\n", "did you mean 'device'"),
        ("\x00\xff", "no"),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "times.csv"
    file.write_text(text, encoding="latin-1")
    assert main(["calibrate", "gpu", "--from", str(file), "--accelerator", "h100_sxm"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(file) in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--accelerator"),
        (["--accelerator", "h100"], "h100"),
        (["--accelerator", "h100_sxm", "--precision", "bf32"], "bf16"),
        (["--accelerator", "h100_sxm", "--from", "missing.csv"], "missing.csv"),
        (["--accelerator", "tpu_v4", "--from", "FILE"], "--like"),
        (["--accelerator", "h100_sxm", "--like", "hoper", "--from", "FILE"], "hopper"),
        (["--accelerator", "h100_sxm", "--name", "a b", "-o", "OUT", "--from", "FILE"], "--name"),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    arguments: list[str], said: str, rows: list[Measurement], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"FILE": str(write_measurements(tmp_path, rows[:60])), "OUT": str(tmp_path / "out")}
    assert main(["calibrate", "gpu", *(names.get(each, each) for each in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_kernel_that_does_not_run_is_named(rows: list[Measurement]) -> None:
    class Lacking(Synthetic):
        def attention(self, *_: object) -> tuple[Timing, Timing]:  # type: ignore[override]
            raise RuntimeError("no kernel\nfor this")

    found, missing = measure(Lacking(), FULL, precisions=("bf16",), kernels=("flash2",))
    assert missing == ["no kernel for this"] * 12
    assert found


def test_without_pytorch_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["calibrate", "gpu", "--accelerator", "h100_sxm"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'weft[gpu]'" in error
    assert error.count("\n") == 1


def test_measuring_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing at tiny shapes: every kind of kernel runs and takes time."""
    pytest.importorskip("torch", reason="measuring needs PyTorch, which CI does not install")
    from weft.calibration.gpu_sweep import Sizes
    from weft.calibration.torch_device import TorchDevice

    monkeypatch.setattr("weft.calibration.torch_device._BUDGET_S", 0.0)
    device = TorchDevice("cpu")
    tiny = Sizes(
        (16, 32), ((64, 64), (64, 128)), ((16, 33, 64),), ((32, 64, 64),), (3 << 12, 3 << 16), 128, 128, (64, 128)
    )
    rows, missing = measure(device, tiny, precisions=("bf16",), kernels=device.attention_kernels(), sustain_s=0.05)
    assert not missing
    assert {row.operation for row in rows} >= {"gemm", "sustained_gemm", "copy", "elementwise", "attention"}
    assert all(0 < row.low_us <= row.median_us <= row.high_us and row.repeats >= 1 for row in rows)
    assert all(row.backward_us > 0 for row in rows if row.operation == "attention")
    with pytest.raises(ConfigError, match="--device"):
        TorchDevice("tpu")
