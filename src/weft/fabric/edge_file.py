"""Reading a list of links from a file: one line a link, or a bundle of them.

Columns are separated by commas, tabs or spaces; text after ``#`` is not read. A first line that names columns gives
their order: ``a``, ``b``, ``rate``, ``length``, ``count``; without one they come in that order, and all after ``b`` may
be left out. Ends are switches, by any name without blanks, or hosts: ``host3`` for all NICs of a node, ``host3/nic0``
for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from weft import units
from weft.errors import ConfigError, UnknownName

COLUMNS = ("a", "b", "rate", "length", "count")
_HOST = re.compile(r"host(\d+)(?:/nic(\d+))?$")


@dataclass(frozen=True, slots=True)
class Edge:
    """One line: a link between two switches.

    Attributes:
        a, b: switches, by number of their first appearance.
        rate_Bps: one way; None where not written.
        length_m: None where not written.
        count: parallel links.
    """

    a: int
    b: int
    rate_Bps: float | None
    length_m: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """One line: a host on a switch.

    Attributes:
        node: the host's number.
        nic: its NIC; None for all.
        switch: by number.
        line: of the file.
    """

    node: int
    nic: int | None
    switch: int
    line: int


@dataclass(frozen=True)
class EdgeFile:
    """What the file says.

    Attributes:
        path: of the file.
        switches: names, in the order of their first appearance.
        edges: links between switches.
        hosts: lines that put hosts on switches.
    """

    path: str
    switches: tuple[str, ...]
    edges: tuple[Edge, ...]
    hosts: tuple[Attachment, ...]


def read_edges(path: Path) -> EdgeFile:
    """Read the file.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", field="scale_out.file") from None
    return _Reader(str(path)).read(lines)


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.columns: tuple[str, ...] = COLUMNS
        self.switches: dict[str, int] = {}
        self.edges: list[Edge] = []
        self.hosts: list[Attachment] = []

    def read(self, lines: list[str]) -> EdgeFile:
        first = True
        for number, text in enumerate(lines, 1):
            bare = text.split("#", 1)[0].strip()
            if not bare:
                continue
            words = [word.strip() for word in (bare.split(",") if "," in bare else bare.split())]
            if first and {"a", "b"} <= {word.lower() for word in words}:
                self._header(words, number)
            else:
                try:
                    self._line(words, number)
                except ConfigError as error:
                    error.file, error.line = self.path, number
                    raise
            first = False
        if not self.edges and not self.hosts:
            raise ConfigError("has no links; write one a line: a,b,rate,length,count", file=self.path)
        return EdgeFile(self.path, tuple(self.switches), tuple(self.edges), tuple(self.hosts))

    def _header(self, words: list[str], number: int) -> None:
        self.columns = tuple(word.lower() for word in words)
        for name in self.columns:
            if name not in COLUMNS:
                raise UnknownName("column", name, COLUMNS, file=self.path, line=number)
            if self.columns.count(name) > 1:
                raise ConfigError(f"column {name!r} is named twice", file=self.path, line=number)

    def _line(self, words: list[str], number: int) -> None:
        if len(words) > len(self.columns):
            raise ConfigError(f"{len(words)} values for the columns {', '.join(self.columns)}")
        row = {name: word for name, word in zip(self.columns, words, strict=False) if word}
        for end in ("a", "b"):
            if end not in row:
                raise ConfigError(f"no {end}: a line names two ends, such as leaf0,spine1")
        a, b = row["a"], row["b"]
        if _HOST.match(a) or _HOST.match(b):
            self._host(row, number)
            return
        if a == b:
            raise ConfigError(f"joins {a!r} to itself")
        rate = units.parse(row["rate"], units.RATE) if "rate" in row else None
        length = units.parse(row["length"], units.LENGTH) if "length" in row else None
        if rate is not None and rate <= 0:
            raise ConfigError(f"a link's rate is above 0, not {row['rate']}")
        self.edges.append(Edge(self._switch(a), self._switch(b), rate, length, _count(row.get("count", "1"))))

    def _host(self, row: dict[str, str], number: int) -> None:
        host, switch = (row["a"], row["b"]) if _HOST.match(row["a"]) else (row["b"], row["a"])
        if _HOST.match(switch):
            raise ConfigError(f"joins two hosts, {host!r} and {switch!r}; one end is a switch")
        extra = [name for name in ("rate", "length", "count") if name in row]
        if extra:
            raise ConfigError(f"{extra[0]} of a host's link is set under scale_out for all hosts; leave it blank here")
        match = _HOST.match(host)
        node, nic = match.groups() if match else ("0", None)
        self.hosts.append(Attachment(int(node), None if nic is None else int(nic), self._switch(switch), number))

    def _switch(self, name: str) -> int:
        return self.switches.setdefault(name, len(self.switches))


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise ConfigError(f"count is a whole number from 1 to 100,000, not {text!r}")
    return int(text)
