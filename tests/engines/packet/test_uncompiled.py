"""Without compilation the kernels give the same answers, also with tables so small that they grow all the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packet_cases import Case, line, outcome

from weft.engines.packet.flows import incast
from weft.engines.packet.simulation import Simulation
from weft.engines.packet.transport import Transport

TRANSPORTS = {
    "trim": {"queue_bytes": 3 * 4150, "receiver_driven": True},
    "pause": {"queues": "pause", "xoff_bytes": 2 * 4150, "recovery": "go_back_n"},
    "credit": {"queues": "credit", "way": "ugal", "lanes": 2, "cut_through": True},
}
_SCRIPT = """
import json, sys
from weft.engines.packet import loop_kernels, tables
if sys.argv[2] == "tiny":
    loop_kernels._LOOK, loop_kernels.SLACK, tables.SLACK = 2, 32, 32
from test_uncompiled import run
print(json.dumps(run(sys.argv[1])))
"""


def run(name: str) -> dict[str, list[Any]]:
    """What comes of a tiny case."""
    transport = Transport(**TRANSPORTS[name])  # type: ignore[arg-type]
    case = Case(line(3, 1, 2), transport, incast(2, 40_000))
    simulation = Simulation(case.network, case.transport, case.flows)
    simulation.run()
    return outcome(simulation)


@pytest.mark.parametrize("rows", ["usual", "tiny"])
@pytest.mark.parametrize("name", TRANSPORTS)
def test_plain_python(name: str, rows: str) -> None:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent)])
    env = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    command = [sys.executable, "-c", _SCRIPT, name, rows]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == run(name)
