"""FRR's configurations: what FRR's own parser says, and what RFC 7938 asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.export.configs.frr import frr_conf, interfaces_file
from weft.underlay import Role, Underlay

from .conftest import DESIGNS

Design = Callable[[str], Underlay]
needs_vtysh = pytest.mark.skipif(shutil.which("vtysh") is None, reason="FRR is not installed (apt install frr)")


def refused(path: Path) -> str:
    """Return what FRR's parser says against a file; nothing where it takes it."""
    done = subprocess.run(["vtysh", "-C", "-f", str(path)], capture_output=True, text=True, timeout=60)
    said = (done.stdout + done.stderr).strip()
    return said or ("" if done.returncode == 0 else f"exit code {done.returncode}")


@needs_vtysh
@pytest.mark.parametrize("name", DESIGNS)
def test_frr_takes_every_configuration(design: Design, name: str, tmp_path: Path) -> None:
    underlay = design(name)
    everything = tmp_path / "frr.conf"
    for device in underlay.switches[:12]:
        everything.write_text(frr_conf(underlay, device))
        assert refused(everything) == "", device.hostname


@needs_vtysh
@pytest.mark.parametrize("broken", ["maximum-paths 6400", "neighbour fabric peer-group", "timers bgp 3"])
def test_frr_refuses_what_is_wrong(design: Design, broken: str, tmp_path: Path) -> None:
    """Else the test above would say nothing."""
    underlay = design("leaf_spine")
    lines = frr_conf(underlay, underlay.switches[0]).splitlines()
    begin = " ".join(broken.split()[:1]).replace("neighbour", "neighbor")
    at = next(n for n, line in enumerate(lines) if line.strip().startswith(begin))
    lines[at] = " " + broken
    (tmp_path / "frr.conf").write_text("\n".join(lines))
    assert refused(tmp_path / "frr.conf") != ""


@pytest.mark.parametrize("name", DESIGNS)
def test_a_session_at_every_link_between_switches_and_nowhere_else(design: Design, name: str) -> None:
    underlay = design(name)
    for device in underlay.switches:
        text = frr_conf(underlay, device)
        sessions = re.findall(r"^ neighbor (\S+) (?:interface )?remote-as (\S+)$", text, re.MULTILINE)
        links = [port for port in device.ports if port.faces is Role.SWITCH]
        assert len(sessions) == len(links)
        if underlay.options.bgp == "unnumbered":
            assert [name for name, _ in sessions] == [port.name for port in links]
            assert {asn for _, asn in sessions} <= {"external"}
        else:
            theirs = [(str(underlay.peer(p).address), str(underlay.devices[p.peer].asn)) for p in links]
            assert sessions == theirs


@pytest.mark.parametrize("name", DESIGNS)
def test_remote_switches_see_one_prefix_a_leaf(design: Design, name: str) -> None:
    """Every host port's /31 is inside the one network that its switch announces, and nothing is redistributed."""
    underlay = design(name)
    for device in underlay.switches:
        text = frr_conf(underlay, device)
        assert "redistribute" not in text
        announced = re.findall(r"^  network (\S+)$", text, re.MULTILINE)
        assert announced == [f"{device.loopback}/32", *([str(device.prefix)] if device.prefix else [])]
        for port in device.ports:
            if port.faces is Role.HOST:
                assert device.prefix is not None
                assert port.address in device.prefix


def test_enough_equal_paths(design: Design) -> None:
    for name in DESIGNS:
        underlay = design(name)
        for device in underlay.switches:
            paths = int(re.findall(r"maximum-paths (\d+)", frr_conf(underlay, device))[0])
            assert 64 <= paths <= 256
            assert paths >= sum(port.faces is Role.SWITCH for port in device.ports)


def test_bfd_is_there_or_not(design: Design) -> None:
    on, off = design("leaf_spine"), design("without_bfd")
    with_bfd, without = frr_conf(on, on.switches[0]), frr_conf(off, off.switches[0])
    assert "  transmit-interval 100\n" in with_bfd
    assert " neighbor fabric bfd profile fabric\n" in with_bfd
    assert "bfd" not in without
    assert " timers bgp 1 3\n" in without


def test_the_interfaces_file_has_mtu_and_speed(design: Design) -> None:
    underlay = design("numbered")
    device = underlay.switches[0]
    text = interfaces_file(underlay, device)
    assert text.count("    mtu 4200\n") == len(device.ports)
    assert text.count("    link-speed 400000\n") == len(device.ports)
