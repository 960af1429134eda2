"""``weft lab``: what each command prints, what it returns, and what it says where it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_helpers import EXAMPLES, FAMILY, plan_of

from weft.lab import Lab, namespace
from weft.lab import state as states

CLUSTER = EXAMPLES / "rail-only" / "cluster.yaml"
Weft = Callable[..., Any]


@pytest.fixture(scope="module")
def run(machine: None) -> Iterator[str]:
    """A lab; others may be up, so that every command names it."""
    with Lab.up(plan_of("rail-only"), family=FAMILY) as lab:
        yield lab.run


def test_up_and_down(machine: None, weft: Weft) -> None:
    ran = weft("lab", "up", CLUSTER, "--rate", "50Mb/s", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert len(namespace.listed(f"weft-{found['run']}-")) == 8
    assert {link["rate_Bps"] for link in found["links"]} == {6.25e6}
    assert found["time_dilation"] == 2000
    ran = weft("lab", "down", "--run", found["run"])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"lab {found['run']} is down, in ")
    assert namespace.listed(f"weft-{found['run']}-") == []


def test_status_says_what_machines_read(run: str, weft: Weft) -> None:
    ran = weft("lab", "status", "--run", run, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert [host["name"] for host in found["hosts"]] == ["host0", "host1", "host2", "host3"]
    assert len(found["links"]) == 16
    for link in found["links"]:
        assert {"a", "b", "rate_Bps", "utilisation", "state"} <= set(link)
        assert (link["rate_Bps"], link["state"]) == (12.5e6, "up")
    assert found["events"] == []


def test_status_for_people(run: str, weft: Weft) -> None:
    ran = weft("lab", "status", "--run", run)
    assert ran.code == 0
    assert "100 Mb/s for the design's 100 Gb/s: 1 s of the design takes 1,000 s" in ran.out
    assert "host0:eth0  leaf0:swp1  100 Mb/s" in ran.out


def test_faults_by_command(run: str, weft: Weft) -> None:
    def state(a: str, b: str) -> str:
        links = json.loads(weft("lab", "status", "--run", run, "--json").out)["links"]
        return next(str(link["state"]) for link in links if (link["a"], link["b"]) == (a, b))

    for words, after in (
        (["link", "host0", "leaf1"], "down"),
        (["silent", "host0", "leaf1"], "silent"),
        (["degrade", "host0", "leaf1", "--to", "20%"], "degraded"),
        (["flap", "host0", "leaf1", "--period", "0.02s", "--times", "1"], "up"),
        (["switch", "leaf1"], "down"),
        (["host", "host0"], "down"),
    ):
        ran = weft("lab", "fail", *words, "--run", run)
        assert (ran.code, ran.err) == (0, ""), words
        assert state("host0", "leaf1") == after, words
        assert weft("lab", "heal", "--run", run).code == 0
        assert state("host0", "leaf1") == "up", words


def test_path_record_metrics(run: str, weft: Weft, tmp_path: Path) -> None:
    ran = weft("lab", "path", "host0", "host3:eth2", "--run", run, "--json")
    hops = [(hop["node"], hop["port"]) for hop in json.loads(ran.out)["hops"]]
    assert hops == [("host0", "eth2"), ("leaf2", "swp4")]
    ran = weft("lab", "record", "--run", run, "--for", "0.1s", "-o", tmp_path, "--format", "csv", "--json")
    assert json.loads(ran.out)["files"] == [str(tmp_path / "ports.csv")]
    ran = weft("lab", "metrics", "--run", run)
    assert 'weft_lab_port_transmit_bytes_total{device="host0",port="eth0"}' in ran.out


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["fail", "link", "host0", "leaf9"], 2, "error: unknown node 'leaf9'; did you mean 'leaf"),
        (["fail", "link", "host0", "host1"], 2, "error: host0 and host1 are not joined by a link; host0 is joined to"),
        (["fail", "degrade", "host0", "leaf0", "--to", "much"], 2, "error: --to: expected a share such as 20% or 0.2"),
        (["fail", "degrade", "host0", "leaf0", "--to", "200%"], 2, "error: --to: a degraded link keeps between"),
        (["fail", "flap", "host0", "leaf0", "--period", "2"], 2, "error: the duration '2' has no unit"),
        (["fail", "switch", "host0"], 2, "error: host0 is a host, not a switch; write: weft lab fail host host0"),
        (["path", "host0", "leaf1"], 2, "error: leaf1 is a switch; flows begin and end at hosts, such as host0"),
        (["path", "host0", "host1", "--protocol", "icmp"], 2, "error: unknown protocol 'icmp'; known: tcp, udp"),
        (["record", "-o", "x", "--format", "xls"], 2, "error: --format: unknown table format 'xls'"),
    ],
)
def test_mistakes_get_one_line(run: str, weft: Weft, words: list[str], code: int, line: str) -> None:
    ran = weft("lab", *words, "--run", run)
    assert ran.code == code
    assert ran.err.startswith(line), ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["up", CLUSTER, "--backend", "kernal"], "error: unknown backend 'kernal'; did you mean 'kernel'?"),
        (["up", CLUSTER, "--rate", "100"], "error: the rate '100' has no unit"),
        (["up", CLUSTER, "--rate", "400Gb/s"], "error: --rate: a lab's rate lies between 1 Mb/s and 10 Gb/s"),
        (["up", "missing.yaml"], "error: missing.yaml"),
        (["status", "--run", "nope"], "error: no lab 'nope' on this machine; known: "),
        (["fial"], "error: No such command 'fial'"),
    ],
)
def test_mistakes_before_anything_is_made(machine: None, weft: Weft, words: list[str], line: str) -> None:
    ran = weft("lab", *words)
    assert ran.code == 2
    assert ran.err.startswith(line), ran.err
    assert ran.err.count("\n") == 1


def test_too_large_a_cluster_is_infeasible(weft: Weft, root: Path) -> None:
    ran = weft("lab", "up", root / "examples" / "topologies" / "dragonfly.yaml")
    assert ran.code == 1
    assert "a lab has at most 128: set fewer nodes in the cluster file" in ran.err


def test_probe_lists_everything_with_a_remedy(weft: Weft) -> None:
    found = json.loads(weft("lab", "probe", "--json").out)["capabilities"]
    assert {"root", "veth", "nexthops", "hash", "netem", "frr", "ovs", "uml", "torch"} <= {one["key"] for one in found}
    assert all(one["remedy"] for one in found)


def test_without_root_one_line_says_so(machine: None) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv to give rights up with: apt install util-linux")
    code = f"from weft.cli import main; raise SystemExit(main(['lab', 'up', {str(CLUSTER)!r}]))"
    without = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    ran = subprocess.run([*without, sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: the kernel backend cannot run here: no root rights (CAP_SYS_ADMIN): run it as root, such as with sudo\n"
    )


def test_sigterm_while_coming_up_leaves_nothing(machine: None) -> None:
    code = (
        "import os, signal, weft.lab.kernel_backend as k\n"
        "k.KernelBackend.start = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        f"from weft.cli import main; raise SystemExit(main(['lab', 'up', {str(CLUSTER)!r}]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    child.communicate(timeout=30)
    assert child.returncode == 130
    texts = [(states.FOLDER / run / "state.json") for run in states.runs()]
    assert not any(f'"pid": {child.pid},' in text.read_text() for text in texts if text.exists())


def test_help_has_an_example_and_exit_codes(weft: Weft) -> None:
    for words in (["up"], ["status"], ["down"], ["clean"], ["heal"], ["fail", "link"], ["fail", "flap"]):
        ran = weft("lab", *words, "--help")
        assert ran.code == 0
        assert f"Example: weft lab {' '.join(words)}" in ran.out
        assert "Exit codes: 0 done" in " ".join(ran.out.split())
