"""One log of nccl-tests or rccl-tests: which collective, among how many ranks on how many hosts, and its rows.

The layout is that of the programs' own output (NVIDIA/nccl-tests src/common.cu, doc/PERFORMANCE.md; ROCm/rccl-tests)
of any version: with or without the columns ``redop`` and ``root``, out of place and in place or out of place only.
Prefixes that mpirun and srun put before each line are taken off. What a log does not say (older versions do not name
the collective) follows from its columns: busbw over algbw is 2(n-1)/n, (n-1)/n or 1.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from weft.calibration.nccl_columns import Measured, Row, possible_kinds
from weft.collectives.kinds import KINDS, canonical
from weft.errors import ConfigError, UnknownName

_MAX_BYTES = 64_000_000
_PREFIX = re.compile(r"^\s*(?:\[\d+,\d+\]<std\w+>:|\d+:(?=\s))\s*")
_DEVICE = re.compile(r"^#?\s*Rank\s+(\d+)\s.*?\bon\s+(\S+)\s+device\s+\S+\s+(?:\[[^\]]*\]\s*)?(.*)$")
_STARTING = re.compile(r"Collective test starting:\s*(\w+)")
_COMMAND = re.compile(r"(?:^|[/\s])(\w+?)_perf\w*\s.*-(?:b|e|f|g|-minbytes|-maxbytes)\b")
_LIMITS = re.compile(r"minBytes\s+(\d+)\s+maxBytes\s+(\d+)\s+step:\s*(\d+)\((\w+)\)")
_LOWERED = re.compile(r"Reducing maxBytes to (\d+)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
_TYPE = re.compile(r"[a-z]\w*$")


@dataclass(frozen=True, slots=True)
class NcclLog:
    """A log, read.

    Attributes:
        path: the file.
        kind: the collective, by Weft's name.
        ranks: members of the communicator.
        hosts: how many machines they are on; None where the log does not list its devices.
        device: the accelerator as its driver names it; empty where the log does not say.
        device_line: where it does.
        rows: in the file's order.
    """

    path: str
    kind: str
    ranks: int
    hosts: int | None
    device: str
    device_line: int
    rows: tuple[Measured, ...]


def read_nccl_log(path: str | os.PathLike[str], *, kind: str | None = None, ranks: int | None = None) -> NcclLog:
    """Read a log.

    Args:
        path: the file.
        kind: the collective, where the log does not tell; must not contradict it.
        ranks: the communicator's size, likewise.

    Raises:
        ConfigError: not such a log, empty, cut off, of several tests, contradicting itself, with wrong results.
    """
    return _Reader(path).read(canonical(kind) if kind else None, ranks)


class _Reader:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.rows: list[Row] = []
        self.devices: dict[int, str] = {}
        self.device, self.device_line = "", 0
        self.kind, self.kind_line = "", 0
        self.limits: tuple[float, float, str] | None = None
        self.headings = 0
        self.rooted: bool | None = None
        self.last_line = 0

    def read(self, kind: str | None, ranks: int | None) -> NcclLog:
        for number, text in enumerate(self._text().splitlines(), 1):
            self.last_line = number
            self._line(_PREFIX.sub("", text).strip())
        if not self.rows:
            if self.headings or self.limits:
                raise self._fail("cut off: the table has no rows", self.last_line)
            raise self._fail("no log of nccl-tests or rccl-tests: it has no rows of sizes and times", 1)
        self._check_whole()
        count = self._ranks(ranks)
        return NcclLog(
            self.path,
            self._kind(kind, count),
            count,
            len(set(self.devices.values())) or None,
            self.device,
            self.device_line,
            tuple(row.measured for row in self.rows),
        )

    def _text(self) -> str:
        try:
            if Path(self.path).stat().st_size > _MAX_BYTES:
                raise self._fail(f"is larger than {_MAX_BYTES // 10**6} MB, too large for a log of nccl-tests")
            data = Path(self.path).read_bytes()
        except OSError as error:
            raise self._fail(f"cannot be read: {error.strerror or error}") from None
        if not data.strip():
            raise self._fail("is empty")
        if b"\0" in data:
            raise self._fail("is no text file", 1)
        return data.decode(errors="replace")

    def _line(self, text: str) -> None:
        if limits := _LIMITS.search(text):
            if self.limits or self.rows:
                raise self._fail("a second test begins; give each test a file of its own", self.last_line)
            self.limits = (float(limits[2]), float(limits[3]), limits[4])
        elif (lowered := _LOWERED.search(text)) and self.limits:
            self.limits = (float(lowered[1]), *self.limits[1:])
        elif device := _DEVICE.match(text):
            self.devices[int(device[1])] = device[2]
            if not self.device:
                self.device, self.device_line = device[3].strip(), self.last_line
        elif text.startswith("#") and "algbw" in text and "busbw" in text:
            self.headings += 1
            self.rooted = "root" in text
        elif named := _STARTING.search(text) or _COMMAND.search(text):
            self._named(named[1])
        elif text[:1].isdigit():
            self._row(text.split())

    def _named(self, name: str) -> None:
        try:
            found = canonical(name)
        except UnknownName:
            raise self._fail(f"{name} is none of {', '.join(KINDS)}", self.last_line) from None
        if self.rows and found == self.kind:
            raise self._fail("a second test begins; give each test a file of its own", self.last_line)
        if self.kind and found != self.kind:
            raise self._fail(
                f"kinds are mixed: {found} after {self.kind} (line {self.kind_line}); give each test a file of its own",
                self.last_line,
            )
        self.kind, self.kind_line = found, self.last_line

    def _row(self, words: list[str]) -> None:
        """A row of the table; other lines that begin with a digit are not the table's."""
        if len(words) < 3 or not (words[0].isdigit() and words[1].isdigit() and _TYPE.match(words[2])):
            if self.headings and self.rows and len(words) < 3 and all(_NUMBER.match(word) for word in words):
                raise self._fail("cut off: the row has too few columns", self.last_line)
            return
        rest, redop, root = words[3:], "", -1
        if rest and not _NUMBER.match(rest[0]):
            redop, rest = rest[0], rest[1:]
        whole = bool(rest) and re.match(r"-?\d+$", rest[0]) is not None
        if whole and (len(rest) in (5, 9) or self.rooted or rest[0] == "-1"):
            root, rest = int(rest[0]), rest[1:]
        if len(rest) not in (4, 8):
            raise self._fail("cut off: the row has too few columns", self.last_line)
        times = [self._number(word, "a number") for at in range(0, len(rest), 4) for word in rest[at : at + 3]]
        for at in range(3, len(rest), 4):
            if rest[at] != "N/A" and self._number(rest[at], "#wrong") > 1e-2:
                raise self._fail(f"the test found wrong results ({rest[at]}), so its times say nothing", self.last_line)
        if not all(math.isfinite(time) and time > 0 for time in times[::3]):
            raise self._fail("a time should be above 0 us", self.last_line)
        in_place = times[3] / 1e6 if len(times) > 3 else None
        measured = Measured(self.last_line, float(words[0]), times[0] / 1e6, in_place)
        if measured.size_bytes == 0:
            return
        ratio = times[2] / times[1] if times[1] > 0 else math.nan
        # Both are printed to 0.01 GB/s.
        precision = 0.005 * (1 + ratio) / times[1] if times[1] > 0 else math.inf
        checked = None if rest[3] == "N/A" else len(rest) == 8 and rest[7] != "N/A"
        self.rows.append(Row(measured, redop, root, ratio, precision, checked))

    def _number(self, word: str, what: str) -> float:
        if not _NUMBER.match(word):
            raise self._fail(f"expected {what}, read {word[:20]!r}", self.last_line)
        return float(word)

    def _check_whole(self) -> None:
        """Refuse a table that stops before the size its header announces, or whose rows disagree."""
        last = self.rows[-1].measured
        if self.limits is not None:
            greatest, step, how = self.limits
            following = last.size_bytes * step if how == "factor" else last.size_bytes + step
            if step > 0 and following > last.size_bytes and following <= greatest:
                raise self._fail(
                    f"cut off: the last row is of {last.size_bytes:.0f} bytes, the header says up to {greatest:.0f}",
                    last.line,
                )
        first = best = self.rows[0]
        for row in self.rows:
            apart = abs(row.ratio - best.ratio) > 2 * (row.precision + best.precision)
            if (row.redop, row.root >= 0) != (first.redop, first.root >= 0) or apart:
                raise self._fail(
                    f"kinds are mixed: this row and line {best.measured.line} are not of one collective among the same"
                    " ranks; give each test a file of its own",
                    row.measured.line,
                )
            best = min(best, row, key=lambda each: each.precision)

    def _ranks(self, asked: int | None) -> int:
        listed = max(self.devices, default=-1) + 1
        if listed and len(self.devices) != listed:
            missing = next(rank for rank in range(listed) if rank not in self.devices)
            raise self._fail(f"cut off: device lines go up to rank {listed - 1}, but rank {missing} has none", 1)
        if listed and asked is not None and asked != listed:
            raise ConfigError(f"the log lists {listed} ranks, --ranks says {asked}", file=self.path, field="--ranks")
        if listed or asked is not None:
            return listed or int(asked or 0)
        row = min(self.rows, key=lambda row: row.precision)
        share = row.ratio / 2 if row.ratio >= 1 else row.ratio
        slack = row.precision / (2 if row.ratio >= 1 else 1)
        found = 1 / (1 - share) if share < 1 else math.inf
        least, most = 1 / (1 - share + slack), 1 / (1 - share - slack) if share + slack < 1 else math.inf
        if not math.isfinite(found) or round(found) < 2 or not round(found) - 0.5 < least <= most < round(found) + 0.5:
            raise ConfigError(
                "the log lists no devices and its bandwidths do not tell how many ranks there were; give --ranks",
                file=self.path,
                line=row.measured.line,
            )
        if abs(row.ratio - 1) <= row.precision:
            raise ConfigError(
                "the log lists no devices, and busbw = algbw may mean two ranks or a collective among any number;"
                " give --ranks",
                file=self.path,
                line=row.measured.line,
            )
        return round(found)

    def _kind(self, asked: str | None, ranks: int) -> str:
        possible = possible_kinds(min(self.rows, key=lambda row: row.precision), ranks)
        by_name = next((found for found in possible if found in _plain(Path(self.path).name)), None)
        named = self.kind or asked or by_name
        if self.kind and asked and self.kind != asked:
            raise self._fail(f"the log is of {self.kind}, --kind says {asked}", self.kind_line)
        line = min(self.rows, key=lambda row: row.precision).measured.line
        if named is not None:
            if named not in possible:
                raise self._fail(
                    f"busbw and algbw are not those of {named} among {ranks} ranks but of {' or '.join(possible)}"
                    if possible
                    else f"busbw and algbw are those of no collective among {ranks} ranks",
                    line,
                )
            return named
        if len(possible) != 1:
            raise self._fail(
                f"the log does not name its collective, which may be {' or '.join(possible) or 'anything'};"
                " give --kind",
                line,
            )
        return possible[0]

    def _fail(self, message: str, line: int | None = None) -> ConfigError:
        return ConfigError(message, file=self.path, line=line)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace("alltoall", "all_to_all").replace("sendrecv", "send_recv")
