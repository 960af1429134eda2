"""Reads a folder of configurations and compares each with the design."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from weft.drift.comparing import compare, one_sided
from weft.drift.expected import Expected, far_ends
from weft.drift.facts import DeviceFacts, NotReadable
from weft.drift.finding import RULES, Finding
from weft.drift.frr_reading import read_frr
from weft.drift.lldp import Heard, compare_heard, read_csv, read_lldpctl
from weft.drift.sonic_reading import read_sonic
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.underlay import build_underlay, check_configured

_KINDS = {".conf": "frr", ".json": "sonic"}
_LLDP = ".lldp.json"


@dataclass(frozen=True)
class Drift:
    """What was compared, and where it differs.

    Attributes:
        findings: by device and port, in the order of the design.
        devices: switches of the design.
        read: configurations that could be read.
        heard: switches of whom LLDP was read.
        notes: what could not be compared, for want of files.
    """

    findings: tuple[Finding, ...]
    devices: int
    read: int
    heard: int
    notes: tuple[str, ...]

    @property
    def by_rule(self) -> dict[str, int]:
        """How many findings each rule has."""
        counted = Counter(finding.rule for finding in self.findings)
        return {rule: counted[rule] for rule in RULES if counted[rule]}


def drift(fabric: Fabric, folder: str | os.PathLike[str]) -> Drift:
    """Compare a folder of configurations with a design.

    Read are ``HOST.conf`` or ``HOST/frr.conf`` (FRR; beside it ``HOST.interfaces`` for MTU and speed), and
    ``HOST.json`` or ``HOST/config_db.json`` (SONiC). Cabling is compared where there is ``HOST.lldp.json`` or
    ``HOST/lldp.json`` (``lldpctl -f json``), or one ``lldp.csv`` with columns device, port, neighbour, neighbour_port.

    Raises:
        ConfigError: no folder, nothing to compare in it, or configurations for a design whose switches have none.
    """
    work = _Comparison(fabric, Path(folder))
    work.read_all()
    if not work.files and not work.heard:
        raise ConfigError("holds no HOST.conf, HOST/config_db.json or LLDP file to compare", file=str(folder))
    if work.files:  # cables alone are compared whatever they carry
        check_configured(work.underlay)
    return work.compared()


class _Comparison:
    def __init__(self, fabric: Fabric, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError("is not a folder; name one with configurations", file=str(folder))
        self.folder = folder
        self.underlay = build_underlay(fabric)
        self.expected = Expected(self.underlay)
        self.switches = {device.hostname: device for device in self.underlay.switches}
        self.files: dict[str, tuple[str, Path]] = {}
        self.kinds: dict[str, str] = {}
        self.heard: dict[str, Heard] = {}
        self.found: dict[str, DeviceFacts] = {}
        self.odd: list[Finding] = []

    def read_all(self) -> None:
        """Find and read every file."""
        for path in sorted(self.folder.iterdir()):
            if path.name.endswith(_LLDP):
                self._hear(path.name.removesuffix(_LLDP), path)
            elif path.is_file() and path.suffix in _KINDS and path.name != "weft-export.json":
                self.files[path.stem] = (_KINDS[path.suffix], path)
            elif path.is_dir():
                for name, kind in (("frr.conf", "frr"), ("config_db.json", "sonic")):
                    if (path / name).is_file():
                        self.files[path.name] = (kind, path / name)
                if (path / "lldp.json").is_file():
                    self._hear(path.name, path / "lldp.json")
        for host, (kind, path) in self.files.items():
            self.kinds[host] = kind
            try:
                self.found[host] = self._read(kind, path)
            except NotReadable as error:
                self.odd.append(Finding("unreadable", host, "", f"{path.name}: {error}", f"a {kind} configuration"))
        table = self.folder / "lldp.csv"
        if table.is_file():
            try:
                self.heard.update(read_csv(_text(table)))
            except NotReadable as error:
                raise ConfigError(str(error), file=str(table)) from None

    def compared(self) -> Drift:
        """Compare everything that was read."""
        usual = next(iter(self.kinds.values()), "frr")
        findings: list[Finding] = []
        designs = {}
        unreadable: dict[str, list[Finding]] = {}
        for finding in self.odd:
            unreadable.setdefault(finding.device, []).append(finding)
        for host, device in self.switches.items():
            kind = self.kinds.get(host, usual)
            if host in self.found:
                designs[host] = self.expected.facts(device, kind)
                findings += compare(self.found[host], designs[host])
            elif self.files and host not in self.files:
                findings.append(Finding("missing-device", host, "", "has no configuration", f"a {device.kind}"))
            findings += unreadable.get(host, [])
            if host in self.heard:
                findings += compare_heard(host, self.heard[host], far_ends(self.expected, device, kind))
        findings += one_sided({h: f for h, f in self.found.items() if h in designs}, designs)
        for host in sorted({*self.files, *self.heard} - self.switches.keys()):
            findings.append(Finding("extra-device", host, "", "has a file", "no such switch"))
        return Drift(tuple(findings), len(self.switches), len(self.found), len(self.heard), tuple(self._notes()))

    def _read(self, kind: str, path: Path) -> DeviceFacts:
        text = _text(path)
        if kind == "sonic":
            return read_sonic(text)
        beside = path.with_suffix(".interfaces") if path.name != "frr.conf" else path.with_name("interfaces")
        return read_frr(text, _text(beside) if beside.is_file() else None)

    def _hear(self, host: str, path: Path) -> None:
        try:
            self.heard[host] = read_lldpctl(_text(path))
        except NotReadable as error:
            self.odd.append(Finding("unreadable", host, "", f"{path.name}: {error}", "what lldpctl -f json prints"))

    def _notes(self) -> list[str]:
        """Say what was not compared."""
        notes = []
        untold = Counter(what for facts in self.found.values() for what in facts.untold)
        for what, said in (
            ("mtu", "MTU and speed: no .interfaces file"),
            ("qos", "quality of service: FRR does not have it"),
            ("bfd_timers", "BFD's timers: config_db.json does not have them"),
        ):
            if untold[what]:
                notes.append(f"{said} ({untold[what]} switches)")
        if not self.heard:
            notes.append("cables as LLDP hears them: no LLDP file")
        return notes


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise NotReadable("it is not text") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(path)) from None
