"""What every MPI rank runs: all-reduces, each checked; the first rank prints when steps ended, as a JSON line."""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main(size_bytes: int, iterations: int) -> None:
    """Reduce ``size_bytes`` of floats so many times.

    Raises:
        ValueError: an outcome is wrong.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    ranks, rank = world.Get_size(), world.Get_rank()
    mine, out = np.empty(size_bytes // 4, np.float32), np.empty(size_bytes // 4, np.float32)
    world.Barrier()
    ends = [time.monotonic()]
    for step in range(iterations):
        mine.fill(rank + 1 + step)
        world.Allreduce(mine, out)
        ends.append(time.monotonic())
        if not (out == ranks * (ranks + 1) // 2 + ranks * step).all():
            raise ValueError(f"step {step} has a wrong outcome")
    everyone = world.gather(ends)
    if everyone is not None:
        print(json.dumps({"size_bytes": mine.nbytes, "ends_s": np.max(everyone, axis=0).tolist()}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
