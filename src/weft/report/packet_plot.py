"""A packet simulation drawn: how many flows took how long, and queues and links over time."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.files.writing import write_atomically
from weft.report.link_plot import check_plot

if TYPE_CHECKING:
    from weft.engines.packet.outcome import Outcome

_DRAWN = 8  # ports with a line of their own
_SCALES = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"))


def write_packet_plot(path: str | os.PathLike[str], outcome: Outcome, *, title: str) -> None:
    """Draw a run: distributions of completion times and slowdown, and, with samples, queues and links over time.

    Args:
        path: where to; the end of the name says the format.
        outcome: what to draw.
        title: of the picture.

    Raises:
        ConfigError: the format is unknown, matplotlib is not installed, or the file cannot be written.
    """
    check_plot(path)
    import matplotlib

    kind = Path(path).suffix.lower()[1:]
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "weft", "svg.fonttype": "none", "font.size": 9}):
        metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        _figure(outcome, title).savefig(out, format=kind, dpi=150, metadata=metadata)
    write_atomically(path, out.getvalue())


def _figure(outcome: Outcome, title: str) -> Any:
    from matplotlib.figure import Figure

    samples = outcome.samples
    rows = 1 if samples is None else 2
    figure = Figure(figsize=(9, 3.2 * rows), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(rows, 2, squeeze=False)
    fct_s, slowdown = outcome.flow["fct_s"][outcome.ended], outcome.flow["slowdown"][outcome.ended]
    scale, unit = _scale(float(fct_s.max(initial=0.0)))
    _distribution(axes[0][0], fct_s * scale, f"flow completion time ({unit})")
    _distribution(axes[0][1], slowdown, "slowdown (1: as with the network to itself)")
    if samples is not None:
        scale, unit = _scale(float(samples.time_s.max(initial=0.0)))
        for axis, values, label in (
            (axes[1][0], samples.queued_bytes / 1e3, "queue (kB)"),
            (axes[1][1], samples.utilisation, "utilisation"),
        ):
            for column, port in enumerate(samples.port[:_DRAWN].tolist()):
                name = outcome.network.port_name(port)
                axis.plot(samples.time_s * scale, values[:, column], linewidth=0.9, label=name)
            axis.set_xlabel(f"time ({unit})")
            axis.set_ylabel(label)
            axis.set_ylim(bottom=0)
        if len(samples.port):
            axes[1][0].legend(fontsize=6, frameon=False)
    return figure


def _distribution(axis: Any, values: Any, label: str) -> None:
    """Draw which part of the flows has at most so much."""
    ordered = np.sort(values)
    share = np.arange(1, len(ordered) + 1) / max(1, len(ordered))
    axis.step(
        np.concatenate([ordered[:1], ordered]), np.concatenate([np.zeros(min(1, len(share))), share]), where="post"
    )
    axis.set_xlabel(label)
    axis.set_ylabel("part of the flows")
    axis.set_ylim(0, 1.02)


def _scale(span_s: float) -> tuple[float, str]:
    return next((scale, unit) for scale, unit in _SCALES if span_s * scale >= 1 or unit == "µs")
