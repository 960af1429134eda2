"""``weft calibrate gpu``: kernel constants of your own accelerator, measured on it or fitted to a table of times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft.calibration.gpu_measurements import Measurement


def calibrate_gpu(
    accelerator: Annotated[
        str | None, typer.Option(help="the accelerator's part id, such as h100_sxm; leave out to measure only")
    ] = None,
    measurements: Annotated[
        Path | None, typer.Option("--from", help="fit this table (CSV or Parquet) and measure nothing")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder for the measurements and the catalog overlays")
    ] = None,
    name: Annotated[str | None, typer.Option(help="a new generation's id, for this accelerator alone")] = None,
    like: Annotated[
        str | None, typer.Option(help="the generation to start from; default: the accelerator's own")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda (ROCm's too), cuda:1 or cpu; default: the first GPU")] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="bf16, fp16 or fp8; may be repeated; default: bf16, and fp8 where it runs")
    ] = None,
    sustain: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="seconds under full load for the clock; 0 leaves that out")
    ] = 0.0,
    quick: Annotated[
        bool | None, typer.Option("--quick/--full", help="few small shapes; the default on a CPU only")
    ] = None,
    format: Annotated[str, typer.Option(help="csv or parquet, of the measurements")] = "csv",
    catalog: Annotated[
        list[Path] | None,
        typer.Option("--catalog", metavar="OVERLAY.yaml", help="lay your own parts over the catalog (may be repeated)"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Measure products, attention and memory on an accelerator, and fit the constants that training is predicted by.

    Measuring needs PyTorch (weft[gpu]); fitting a table with --from does not.
    """
    from weft.calibration.gpu_fit import calibrate_gpu as fitted
    from weft.calibration.gpu_measurements import write_measurements
    from weft.calibration.gpu_overlay import write_overlays
    from weft.catalog import load_catalog
    from weft.cli.calibrate_gpu_views import gpu_json, gpu_text
    from weft.errors import ConfigError
    from weft.report.machine import to_json

    if accelerator is None and (output is None or measurements is not None):
        raise ConfigError("say which part of the catalog this is, such as h100_sxm", field="--accelerator")
    parts = load_catalog(*catalog or [])
    if accelerator is not None:
        parts.get("accelerators", accelerator)  # before minutes of measuring
    rows = measurements or _measured(device, precision, sustain, quick)
    if output is not None and not isinstance(rows, Path):
        typer.echo(f"wrote {write_measurements(output, rows, format=format)}", err=True)
    if accelerator is None:
        return
    found = fitted(rows, accelerator, like=like, catalog=parts)
    files = write_overlays(found, output, name=name) if output is not None else []
    typer.echo(to_json(gpu_json(found)) if as_json else gpu_text(found))
    if files:
        listed = ", ".join(map(str, files))
        typer.echo(f"wrote {listed}; add to the cluster file: catalog: [{listed}]", err=True)


def _measured(
    device: str | None, precision: list[str] | None, sustain_s: float, quick: bool | None
) -> list[Measurement]:
    from weft.calibration.gpu_measurements import PRECISIONS
    from weft.calibration.gpu_sweep import FULL, QUICK, measure
    from weft.calibration.torch_device import TorchDevice
    from weft.errors import InfeasibleError, UnknownName
    from weft.report.progress import track

    for each in precision or ():
        if each not in PRECISIONS:
            raise UnknownName("precision", each, PRECISIONS, field="--precision")
    opened = TorchDevice(device)
    wanted = list(dict.fromkeys(precision or [each for each in ("bf16", "fp8") if opened.supports(each)]))
    small = opened.device == "cpu" if quick is None else quick
    rows, missing = measure(
        opened,
        QUICK if small else FULL,
        precisions=wanted,
        kernels=opened.attention_kernels(),
        sustain_s=sustain_s,
        progress=lambda tasks: track(tasks, len(tasks), what="kernels"),
    )
    if not rows:
        raise InfeasibleError(f"{opened.device} ran none of the kernels: {missing[0]}")
    if missing:
        typer.echo(f"{len(missing)} kernels did not run, the first because: {missing[0]}", err=True)
    return rows
