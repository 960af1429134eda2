"""Open MPI over the lab: what crosses, jobs at the same time, and what is left when one ends well or badly."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from weft.errors import InfeasibleError
from weft.lab import Lab, namespace
from weft.lab.experiment import sent
from weft.lab.lab import wait_until
from weft.lab.probe import lacking
from weft.lab.workloads.mpi import mpi_all_reduce
from weft.lab.workloads.ranks import ranks_of

pytestmark = pytest.mark.skipif(
    bool(lacking(["mpirun"])) or find_spec("mpi4py") is None,
    reason="no Open MPI: apt install openmpi-bin, pip install mpi4py",
)


def test_mpi_reduces_over_the_lab(leaf_spine: Lab) -> None:
    before = sent(leaf_spine)
    steps = mpi_all_reduce(leaf_spine, ranks_of(leaf_spine.plan, 4), 1e6, 2)
    after = sent(leaf_spine)
    assert len(steps.times_s) == 2
    crossed = sum(after[end] - before[end] for end in after if end[0].startswith("host"))
    assert crossed > 2 * 4 * 1e6 * 2 * 3 / 4


def test_jobs_at_the_same_time_keep_apart_and_leave_nothing(leaf_spine: Lab, labs: Callable[[str], Lab]) -> None:
    """To Open MPI all their daemons are on one machine; two jobs share hosts, too, and one is ended under way."""
    other = labs("rail-only")
    before = files(leaf_spine)

    def ended_early() -> None:
        with pytest.raises(InfeasibleError, match="MPI was not done within 1 s"):
            mpi_all_reduce(leaf_spine, ranks_of(leaf_spine.plan, 4), 50e6, 20, timeout_s=1)

    with ThreadPoolExecutor() as pool:
        early = pool.submit(ended_early)
        jobs = [pool.submit(mpi_all_reduce, lab, ranks_of(lab.plan, 4), 1e5, 2) for lab in (leaf_spine, other)]
        assert [len(job.result().times_s) for job in jobs] == [2, 2]
        early.result()
    assert files(leaf_spine) == before
    assert wait_until(lambda: not daemons(leaf_spine) | daemons(other), 10)


def files(lab: Lab) -> set[str]:
    """Names in a lab's folder, and those of Open MPI in the machine's folder for files that do not last."""
    return set(os.listdir(lab.folder)) | set(map(str, Path(tempfile.gettempdir()).glob("ompi*")))


def daemons(lab: Lab) -> set[int]:
    """Open MPI's daemons on a lab's hosts."""
    found = namespace.processes([lab.namespace(host.name) for host in lab.plan.hosts])
    return {pid for pid in found if b"orted" in _command_line(pid)}


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_what_open_mpi_complains_of_first_is_said(leaf_spine: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its complaint, not the rulers around it nor what follows from it."""
    monkeypatch.setattr("weft.lab.workloads.mpi.sys", SimpleNamespace(executable="/none/such"))
    with pytest.raises(InfeasibleError, match=r"mpirun ended with exit code \d+: \w.*/none/such"):
        mpi_all_reduce(leaf_spine, ranks_of(leaf_spine.plan, 2), 1e5, 1)
