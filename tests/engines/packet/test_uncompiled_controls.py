"""Congestion controls give the same answers without compilation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from packet_networks import Simulation, flows, star

from weft.engines.packet.presets import preset

NAMES = ("dctcp", "roce_dcqcn", "roce_hpcc", "timely", "swift")
_SCRIPT = "import json; from test_uncompiled_controls import ends; print(json.dumps(ends()))"


def ends() -> dict[str, list[int]]:
    """When the flows of a small incast end under each control, ps."""
    found = {}
    for name in NAMES:
        simulation = Simulation(star(3), preset(name), flows((0, 2, 90_000), (1, 2, 120_000)))
        simulation.run()
        found[name] = [int(end) for end in simulation.tables["senders"].end_ps]
    return found


def test_plain_python_gives_the_same_ends() -> None:
    here = Path(__file__).parent
    env = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=env, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == ends()
