"""How seconds grow with size: one process a size, so that peaks are each one's own, and limits that fail the run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence


def run(
    measure: Callable[[int], dict[str, float]], sizes: Sequence[int], limits: Mapping[int, tuple[float, float]]
) -> None:
    """Measure the sizes that the command line names, or all.

    Args:
        measure: prints what it finds, and returns ``gpus``, ``seconds`` and ``MB``.
        limits: by size, seconds and MB.
    """
    if "--one" in sys.argv:
        print(json.dumps(measure(int(sys.argv[-1]))))
        return
    rows = []
    for size in [int(size) for size in sys.argv[1:]] or sizes:
        command = [sys.executable, sys.argv[0], "--one", str(size)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
    if len(rows) > 1:
        print(f"seconds grow with the {exponent(rows):.2f} power of the number of GPUs")
    for row in rows:
        most_s, most_MB = limits.get(int(row["gpus"]), (math.inf, math.inf))
        if row["seconds"] > most_s or row["MB"] > most_MB:
            raise SystemExit(f"{row['gpus']:,} GPUs: more than {most_s:.0f} s or {most_MB:.0f} MB")


def exponent(rows: Sequence[dict[str, float]]) -> float:
    """Least squares of log seconds over log GPUs."""
    points = [(math.log(row["gpus"]), math.log(row["seconds"])) for row in rows]
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
