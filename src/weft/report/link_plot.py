"""Pictures of how links were used, SVG or PNG, drawn by matplotlib; the same input gives the same bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.errors import ConfigError
from weft.files.writing import write_atomically
from weft.report.heat_map import resampled

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse

FORMATS = (".svg", ".png")
_COLUMNS = 400


def check_plot(path: str | os.PathLike[str]) -> None:
    """Refuse, before anything runs, a plot that could not be drawn.

    Raises:
        ConfigError: the name does not end in .svg or .png, or matplotlib is not installed.
    """
    import importlib.util

    if Path(path).suffix.lower() not in FORMATS:
        raise ConfigError(
            f"a plot is written as {' or '.join(FORMATS)}; give the file one of these ends", file=str(path)
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("plots need matplotlib: pip install 'weft[plots]'")


def write_plot(path: str | os.PathLike[str], use: LinkUse, *, title: str) -> None:
    """Draw the use of links: classes over time above, links by how full they were below.

    Args:
        path: where to; the end of the name says the format.
        use: what to draw.
        title: of the picture.

    Raises:
        ConfigError: as `check_plot`, or the file cannot be written.
    """
    check_plot(path)
    import matplotlib

    kind = Path(path).suffix.lower()[1:]
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "weft", "svg.fonttype": "none", "font.size": 9}):
        figure = _figure(use, title)
        metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=150, metadata=metadata)
    write_atomically(path, out.getvalue())


def _figure(use: LinkUse, title: str) -> Any:
    from matplotlib.figure import Figure

    count = max(1, len(use.kinds))
    figure = Figure(figsize=(9, 2.4 + 0.5 * count), layout="constrained")
    figure.suptitle(title)
    above, below = figure.subplots(2, 1)
    scale, unit = next((s, u) for s, u in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")) if use.span_s * s >= 1 or u == "µs")
    values = resampled(use.over_time, use.bin_s, use.span_s, _COLUMNS)
    shown = above.imshow(
        values if len(values) else np.zeros((1, _COLUMNS)),
        aspect="auto",
        interpolation="nearest",
        vmin=0,
        vmax=1,
        cmap="viridis",
        extent=(0, use.span_s * scale or 1, count - 0.5, -0.5),
    )
    above.set_yticks(range(len(use.kinds)), use.kinds)
    above.set_xlabel(f"time ({unit})")
    figure.colorbar(shown, ax=above, label="mean utilisation")
    share = use.deciles / np.maximum(1, use.links)[:, None]
    shown = below.imshow(
        share if len(share) else np.zeros((1, 10)), aspect="auto", vmin=0, vmax=1, cmap="Greys", origin="upper"
    )
    below.set_yticks(range(len(use.kinds)), use.kinds)
    below.set_xticks(np.arange(11) - 0.5, [f"{10 * decile}%" for decile in range(11)])
    below.set_xlabel("mean utilisation of a link over the run")
    figure.colorbar(shown, ax=below, label="share of links")
    return figure
