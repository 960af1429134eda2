"""Open MPI over a lab: ``mpirun`` on the first host, the others' daemons started by ``ip netns exec`` in place of ssh.

The all-reduce is the ring, as gloo's; ranks yield the processor when they wait, since a machine has fewer than a job.
Open MPI names a daemon's files after the machine, of which all hosts of all labs are one: each host has its own folder
for them, or one daemon would clear away, or find locked, what belongs to another.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import Lab
from weft.lab.probe import lacking
from weft.lab.workloads.ranks import Rank
from weft.lab.workloads.steps import Steps

_RING = "4"  # coll_tuned_allreduce_algorithm
_PATIENCE_s = 5  # for daemons to end
_AGENT = """#!/bin/sh
host=$1
shift
TMPDIR="{folder}/$host" exec ip netns exec "{prefix}$host" sh -c "$*"
"""


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
    with tempfile.TemporaryDirectory(prefix="mpi-", dir=lab.folder, ignore_cleanup_errors=True) as folder:
        process = lab.spawn(
            ranks[0].host,
            _command(lab, ranks, Path(folder), int(size_bytes), iterations),
            env=dict(os.environ) | {"TMPDIR": f"{folder}/{ranks[0].host}"},
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
            _end(process)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise InfeasibleError(f"mpirun ended with exit code {process.returncode}: {_why(err)}")
    answer = json.loads(lines[-1])
    return Steps("all_reduce", float(answer["size_bytes"]), len(ranks), tuple(answer["ends_s"]))


def _end(process: subprocess.Popen[str]) -> None:
    """End mpirun, if it still runs: asked to, it ends the daemons of all hosts; by force they would find out later."""
    if process.poll() is None:
        process.terminate()
        try:
            process.communicate(timeout=_PATIENCE_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _why(err: str) -> str:
    """Return the beginning of what Open MPI says, without its rulers: the first complaint causes the others."""
    return " ".join(" ".join(line for line in err.splitlines() if set(line) != {"-"}).split())[:300]


def _command(lab: Lab, ranks: Sequence[Rank], folder: Path, size_bytes: int, iterations: int) -> list[str]:
    port = ranks[0].port
    for rank in ranks:
        (folder / rank.host).mkdir(exist_ok=True)
    agent = folder / "agent"
    agent.write_text(_AGENT.format(folder=folder, prefix=lab.prefix))
    agent.chmod(0o755)
    hosts = folder / "hosts"
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
