"""Open MPI over a lab: ``mpirun`` on the first host, the others' daemons started by ``ip netns exec`` in place of ssh.

The all-reduce is the ring, as gloo's; ranks yield the processor when they wait, since a machine has fewer than a job.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import Lab
from weft.lab.probe import lacking
from weft.lab.workloads.ranks import Rank
from weft.lab.workloads.steps import Steps

_RING = "4"  # coll_tuned_allreduce_algorithm


def mpi_all_reduce(
    lab: Lab, ranks: Sequence[Rank], size_bytes: float, iterations: int, *, timeout_s: float = 300.0
) -> Steps:
    """Run an all-reduce of floats so many times under Open MPI.

    Raises:
        ConfigError: Open MPI or mpi4py is not there.
        InfeasibleError: it failed, or took longer than ``timeout_s``.
    """
    lacks = lacking(["mpirun", "iproute2"])
    if find_spec("mpi4py") is None:
        lacks.append("no mpi4py (needs pip install 'weft[lab]')")
    if lacks:
        raise ConfigError(f"MPI cannot run here: {'; '.join(lacks)}")
    port = ranks[0].port
    process = lab.spawn(
        ranks[0].host,
        _command(lab, ranks, port, int(size_bytes), iterations),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise InfeasibleError(f"MPI was not done within {timeout_s:g} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise InfeasibleError(f"mpirun ended with exit code {process.returncode}: {' '.join(err.split())[-300:]}")
    answer = json.loads(lines[-1])
    return Steps("all_reduce", float(answer["size_bytes"]), len(ranks), tuple(answer["ends_s"]))


def _command(lab: Lab, ranks: Sequence[Rank], port: str, size_bytes: int, iterations: int) -> list[str]:
    agent = Path(lab.folder, "mpi-agent")
    agent.write_text(f'#!/bin/sh\nhost=$1\nshift\nexec ip netns exec "{lab.prefix}$host" sh -c "$*"\n')
    agent.chmod(0o755)
    hosts = Path(lab.folder, "mpi-hosts")
    hosts.write_text("".join(f"{rank.host} slots=1\n" for rank in ranks))
    settings = {
        "plm_rsh_agent": str(agent),
        "btl": "tcp,self",
        "btl_tcp_if_include": port,
        "oob_tcp_if_include": port,
        "mpi_yield_when_idle": "1",
        "coll_tuned_use_dynamic_rules": "1",
        "coll_tuned_allreduce_algorithm": _RING,
    }
    flags = [word for name, value in settings.items() for word in ("--mca", name, value)]
    # By its path: as a module of this package every rank would import all of the lab
    program = [sys.executable, str(Path(__file__).with_name("mpi_ranks.py")), str(size_bytes), str(iterations)]
    return ["mpirun", "--allow-run-as-root", "--hostfile", str(hosts), "-np", str(len(ranks)), *flags, *program]
