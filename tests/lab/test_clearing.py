"""Whatever becomes of the process that makes a lab, nothing of it is left in the end; and nobody else's is touched."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_helpers import FAMILY, plan_of

from weft.errors import ConfigError
from weft.lab import Lab, clean, namespace
from weft.lab import state as states
from weft.lab.lab import interruptible, take_down, wait_until

pytestmark = pytest.mark.usefixtures("machine")


@pytest.fixture
def family() -> str:
    """Names of this test alone: others of these tests have labs up."""
    return f"{FAMILY}{os.getpid()}"


def child(work: Callable[[], object]) -> int:
    """Run something in a child process, which then waits to be ended; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        time.sleep(30)
    finally:
        os._exit(0)


def left(family: str) -> dict[str, object]:
    """All that labs of a family can leave, looked for afresh."""
    names = namespace.listed(f"{family}-")
    files = [path.name for path in states.FOLDER.iterdir()] if states.FOLDER.exists() else []
    runs = [name for name in files if family in _text(states.FOLDER / name)]
    return {"namespaces": names, "processes": namespace.processes(names), "files": runs}


def _text(folder: Path) -> str:
    try:
        return (folder / "state.json").read_text()
    except OSError:
        return ""


NOTHING = {"namespaces": [], "processes": {}, "files": []}


def machine_links() -> set[str]:
    return set(os.listdir("/sys/class/net"))


def test_a_lab_leaves_nothing_behind(family: str) -> None:
    before = machine_links()
    with Lab.up(plan_of("leaf-spine"), family=family) as lab:
        assert len(namespace.listed(lab.prefix)) == 14
        assert machine_links() == before  # nothing shows outside, while it is up either
        process = lab.spawn("host0", ["sleep", "60"])
        stubborn = lab.spawn("host1", ["sh", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"])
        time.sleep(0.1)
    assert process.wait(2) == -signal.SIGTERM
    assert stubborn.wait(2) == -signal.SIGKILL
    assert left(family) == NOTHING
    lab.down()  # once more is no harm


def test_killed_at_any_point_of_bringing_up_it_can_be_cleared(family: str) -> None:
    plan = plan_of("leaf-spine")
    began = time.monotonic()
    Lab.up(plan, family=family).down()
    typical_s = time.monotonic() - began
    chance = random.Random(7)
    for _ in range(8):
        pid = child(lambda: Lab.up(plan, family=family))
        time.sleep(chance.uniform(0, 1.2 * typical_s))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        clean(family)
        assert left(family) == NOTHING
    assert clean(family) == []


def test_processes_of_a_killed_lab_are_ended(family: str, tmp_path: Path) -> None:
    plan = plan_of("rail-only")

    def work() -> None:
        lab = Lab.up(plan, family=family)
        lab.spawn("host0", ["sleep", "61"])
        lab.spawn("leaf1", ["sleep", "61"])
        (tmp_path / "ready").touch()

    pid = child(work)
    assert wait_until((tmp_path / "ready").exists, 10)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    orphans = namespace.processes(namespace.listed(f"{family}-"))
    assert len(orphans) == 2
    (cleared,) = clean(family)
    assert (cleared.namespaces, cleared.processes) == (8, 2)
    assert left(family) == NOTHING
    assert wait_until(lambda: not any(Path(f"/proc/{pid}/ns/net").exists() for pid in orphans), 1)


def test_a_lab_whose_process_lives_stays(family: str) -> None:
    with Lab.up(plan_of("rail-only"), family=family) as lab:
        assert clean(family) == []
        assert len(namespace.listed(lab.prefix)) == 8


def test_a_detached_lab_outlives_its_process_and_can_be_attached(family: str) -> None:
    plan = plan_of("rail-only")
    pid = child(lambda: (Lab.up(plan, family=family, detach=True), os._exit(0)))
    os.waitpid(pid, 0)
    assert clean(family) == []
    lab = Lab.attach(family=family)
    assert lab.plan == plan
    (found,) = clean(family, everything=True)
    assert found.run == lab.run
    lab.close()
    assert left(family) == NOTHING


def test_namespaces_whose_file_is_lost_are_found_by_name(family: str) -> None:
    lab = Lab.up(plan_of("rail-only"), family=family)
    lab.close()
    states.forget(lab.run)
    (found,) = clean(family)
    assert (found.run, found.namespaces) == (lab.run, 8)
    assert left(family) == NOTHING


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_a_lab_in_order(family: str, number: int) -> None:
    plan = plan_of("rail-only")

    def work() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with interruptible(), Lab.up(plan, family=family):
            time.sleep(30)

    pid = child(work)
    assert wait_until(lambda: len(namespace.listed(f"{family}-")) == 8, 10)
    os.kill(pid, number)
    os.waitpid(pid, 0)
    assert left(family) == NOTHING


def test_a_failure_on_the_way_up_leaves_nothing(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("as the test wants it")

    monkeypatch.setattr("weft.lab.kernel_backend.KernelBackend.start", fail)
    with pytest.raises(ConfigError, match="as the test wants it"):
        Lab.up(plan_of("rail-only"), family=family)
    assert left(family) == NOTHING


def test_what_the_machine_lacks_is_said_before_anything_is_made(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "weft.lab.kernel_backend.lacking", lambda _: ["no veth pairs (needs a kernel with CONFIG_VETH)"]
    )
    with pytest.raises(ConfigError, match="the kernel backend cannot run here: no veth pairs"):
        Lab.up(plan_of("rail-only"), family=family)
    assert left(family) == NOTHING


def test_commands_run_inside_by_ip_netns_exec(leaf_spine: Lab) -> None:
    shown = subprocess.run(
        ["ip", "netns", "exec", leaf_spine.namespace("leaf0"), "cat", "/proc/sys/net/ipv4/fib_multipath_hash_policy"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout.strip() == b"3"


def test_a_damaged_lab_can_be_taken_down(family: str) -> None:
    lab = Lab.up(plan_of("rail-only"), family=family, detach=True)
    lab.close()
    namespace.delete(lab.namespace("leaf2"))
    with pytest.raises(ConfigError, match=rf"lab {lab.run} is damaged \(.*\); run: weft lab down --run {lab.run}"):
        Lab.attach(lab.run)
    assert take_down(lab.run) == lab.run
    assert left(family) == NOTHING


def test_attaching_to_what_is_not_there(family: str) -> None:
    with pytest.raises(ConfigError, match="no lab is up on this machine; begin with: weft lab up CLUSTER"):
        Lab.attach(family=family)
    with pytest.raises(ConfigError, match="no lab 'ffffffff' on this machine; known: "):
        Lab.attach("ffffffff")
