"""How full links were, as text: classes of links against time, and how many links of each class were how full."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weft import units
from weft.engines.fluid.link_use import LinkUse
from weft.report.terminal import Column, heading, percent, table, width

#: From empty to full; each step is an eighth of full, and only what is idle is blank.
SHADES = " .:-=+*%@"
_ROWS = 24


def heat_map(use: LinkUse) -> str:
    """Return the map: a row for each class of links, a column for each part of the run."""
    if not use.kinds:
        return heading("Links over time") + "\nno link carried anything"
    shown = np.argsort(-use.busiest, kind="stable")[:_ROWS]
    room = max(len(use.kinds[row]) for row in shown.tolist())
    columns = max(20, width() - room - 4)
    parts = resampled(use.over_time, use.bin_s, use.span_s, columns)
    lines = [heading(f"Links over {units.format_duration(use.span_s)}, mean of each class: '.' up to 1/8, '@' full")]
    for row in shown.tolist():
        lines.append(f"{use.kinds[row].ljust(room)} |{_shaded(parts[row])}|")
    if len(use.kinds) > _ROWS:
        lines.append(f"and {len(use.kinds) - _ROWS} classes that were less full")
    return "\n".join([*lines, "", _by_decile(use, shown)])


def resampled(over_time: NDArray[np.float64], bin_s: float, span_s: float, columns: int) -> NDArray[np.float64]:
    """Return float64[rows, columns], means over equal parts of the run; what bins hold is spread evenly over them."""
    if not over_time.shape[1] or span_s <= 0:
        return np.zeros((len(over_time), columns))
    edges = np.minimum(np.arange(over_time.shape[1] + 1) * bin_s, span_s)
    sums = np.concatenate([np.zeros((len(over_time), 1)), np.cumsum(over_time * np.diff(edges), axis=1)], axis=1)
    wanted = np.linspace(0, span_s, columns + 1)
    at = np.stack([np.interp(wanted, edges, row) for row in sums])
    means: NDArray[np.float64] = np.diff(at, axis=1) / (span_s / columns)
    return means


def _shaded(values: NDArray[np.float64]) -> str:
    steps = np.ceil(np.clip(values, 0, 1) * (len(SHADES) - 1) - 1e-6).astype(int)
    steps[(values > 1e-9) & (steps == 0)] = 1
    return "".join(SHADES[step] for step in np.maximum(steps, 0).tolist())


def _by_decile(use: LinkUse, shown: NDArray[np.int64]) -> str:
    columns = [Column("Links by mean use"), Column("in use", right=True), Column("mean", right=True)]
    columns += [Column("busiest", right=True)]
    columns += [Column(f"<{10 * (decile + 1)}%" if decile < 9 else "more", right=True) for decile in range(10)]
    rows = [
        [
            use.kinds[row],
            _short(int(use.links[row])),
            percent(float(use.utilisation[row])),
            percent(float(use.busiest[row])),
            *(_short(count) for count in use.deciles[row].tolist()),
        ]
        for row in shown.tolist()
    ]
    return table(columns, rows)


def _short(count: int) -> str:
    """A count in four places; a dot for none."""
    if count < 1000:
        return str(count) if count else "."
    scale, unit = (1e3, "k") if count < 999_500 else (1e6, "M")
    return f"{count / scale:.{0 if count >= 9.95 * scale else 1}f}{unit}"
