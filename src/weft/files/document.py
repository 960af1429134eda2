"""YAML in, safely and with a line number for every field.

Values are built from the parser's events, so that size, depth, aliases and duplicate keys are checked
while reading, before anything large exists. Nothing in a file can run code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from weft.errors import ConfigError
from weft.files.scalars import resolve

MAX_BYTES = 4_000_000
MAX_NODES = 300_000
MAX_DEPTH = 60

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = {"!"} | {_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}


@dataclass(frozen=True, slots=True)
class Document:
    """One file's values and where each was written.

    Attributes:
        path: the file, as the user named it.
        value: plain dicts, lists, str, int, float, bool, None.
        lines: for the ``id`` of each dict or list inside ``value``, the 1-based line of each key or index.
    """

    path: str
    value: Any
    lines: dict[int, dict[Any, int]]

    def line(self, location: tuple[Any, ...]) -> int | None:
        """Return the line of the field at ``location``, or of the nearest thing around it that has one."""
        value, found = self.value, None
        for step in location:
            found = self.lines.get(id(value), {}).get(step, found)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                break
        return found


def read_yaml(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Any:
    """Return the plain values of a YAML file; see `read_document` for what is refused."""
    return read_document(path, max_bytes=max_bytes).value


def read_document(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Document:
    """Read one YAML file whose top level is a mapping.

    Raises:
        ConfigError: no such file, not text, too large, empty, malformed, several documents, duplicate keys, too deep,
            aliases that expand to too much, numbers that are not finite. The message names file and line.
    """
    name = os.fspath(path)
    text = _read_text(name, max_bytes)
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _malformed(error, text, name) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", None) or "not YAML"
        raise ConfigError(f"this is not a text file that YAML allows: {reason}", file=name) from None
    if builder.root is None:
        raise ConfigError("the file is empty", file=name)
    if not isinstance(builder.root, dict):
        kind = "a list" if isinstance(builder.root, list) else f"the single value {str(builder.root)[:40]!r}"
        raise ConfigError(f"expected fields such as 'name: value' at the top, read {kind}", file=name, line=1)
    return Document(name, builder.root, builder.lines)


def _read_text(name: str, max_bytes: int) -> str:
    try:
        with open(name, "rb") as stream:
            data = stream.read(max_bytes + 1)
    except IsADirectoryError:
        raise ConfigError("is a folder; name a file", file=name) from None
    except FileNotFoundError:
        raise ConfigError("no such file", file=name) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=name) from None
    if len(data) > max_bytes:
        raise ConfigError(f"the file is larger than {max_bytes / 1e6:g} MB; is it the right one?", file=name)
    if b"\0" in data:
        raise ConfigError("this is not text: it has zero bytes (binary, or UTF-16?); save it as UTF-8", file=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"byte 0x{data[error.start]:02x} is not UTF-8 text", file=name, line=line) from None


def _malformed(error: yaml.MarkedYAMLError, text: str, name: str) -> ConfigError:
    """Say in one line what the parser choked on."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or "malformed"
    rows = text.splitlines()
    row = rows[line - 1] if line is not None and line <= len(rows) else ""
    if "\t" in row[: len(row) - len(row.lstrip())] or "'\\t'" in problem:
        problem = "a tab indents this line; YAML wants spaces"
    elif "maximum nesting depth" in problem:  # a libyaml with a limit of its own
        problem = f"nested more than {MAX_DEPTH} deep"
    elif "mapping values are not allowed" in problem:
        problem = "a second ': ' on this line; quote text that contains one, or indent the line as its neighbours are"
    else:
        problem = f"not YAML: {problem}" + (f" ({error.context})" if error.context else "")
    return ConfigError(problem, file=name, line=line)


@dataclass(slots=True)
class _Frame:
    """A dict or list that is still open."""

    value: dict[Any, Any] | list[Any]
    line: int
    anchor: str | None
    lines: dict[Any, int] = field(default_factory=dict)
    key: Any = None
    has_key: bool = False
    merges: list[dict[Any, Any]] = field(default_factory=list)
    nodes: int = 1
    height: int = 1


class _Builder:
    """Builds values from parser events, counting what aliases would expand to."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.lines: dict[int, dict[Any, int]] = {}
        self._documents = 0
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}

    def take(self, event: Any) -> None:
        """Take the next event of the stream."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._place(self._scalar(event), event, 1, 0, plain=event.implicit[0])
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._begin(event, {} if kind is yaml.MappingStartEvent else [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end(event)
        elif kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise self._refuse(f"nothing named &{event.anchor} is complete before *{event.anchor}", event)
            self._place(self._anchors[event.anchor][0], event, *self._anchors[event.anchor][1:])
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._refuse("a second document starts here ('---'); a file holds one", event)

    def _refuse(self, message: str, event: Any) -> ConfigError:
        return ConfigError(message, file=self.file, line=event.start_mark.line + 1)

    def _scalar(self, event: Any) -> Any:
        if event.tag is not None and event.tag not in _KNOWN_TAGS:
            raise self._refuse(f"the tag {event.tag[:60]} is not allowed", event)
        if not event.implicit[0] and event.tag in (None, "!", _TAG + "str"):
            value = event.value
        else:
            try:
                value = resolve(event.value)
            except ValueError as error:
                raise self._refuse(str(error), event) from None
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, 0)
        return value

    def _begin(self, event: Any, value: dict[Any, Any] | list[Any]) -> None:
        if event.tag is not None and event.tag not in _KNOWN_TAGS:
            raise self._refuse(f"the tag {event.tag[:60]} is not allowed", event)
        if len(self._open) >= MAX_DEPTH:
            raise self._refuse(f"nested more than {MAX_DEPTH} deep", event)
        if self._open and isinstance(self._open[-1].value, dict) and not self._open[-1].has_key:
            raise self._refuse("a list or mapping cannot be a field's name", event)
        self._anchors.pop(event.anchor, None)
        self._open.append(_Frame(value, event.start_mark.line + 1, event.anchor))

    def _end(self, event: Any) -> None:
        frame = self._open.pop()
        if isinstance(frame.value, dict):
            for source in frame.merges:
                for key in source.keys() - frame.value.keys():
                    frame.value[key] = source[key]
                    frame.lines[key] = self.lines.get(id(source), {}).get(key, frame.line)
        self.lines[id(frame.value)] = frame.lines
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, frame.nodes, frame.height)
        self._place(frame.value, event, frame.nodes, frame.height, line=frame.line)

    def _place(
        self, value: Any, event: Any, nodes: int, height: int, *, plain: bool = False, line: int | None = None
    ) -> None:
        """Put a finished value into what is open around it."""
        if not self._open:
            self.root = value
            return
        frame = self._open[-1]
        frame.nodes += nodes
        frame.height = max(frame.height, height + 1)
        if frame.nodes > MAX_NODES:
            raise self._refuse(f"the file expands to more than {MAX_NODES:,} values", event)
        if len(self._open) + height > MAX_DEPTH:
            raise self._refuse(f"nested more than {MAX_DEPTH} deep", event)
        if isinstance(frame.value, list):
            frame.lines[len(frame.value)] = line or event.start_mark.line + 1
            frame.value.append(value)
        elif not frame.has_key:
            self._key(frame, value, event, plain)
        elif frame.key is _MERGE:
            frame.merges.extend(self._mergeable(value, event))
            frame.has_key = False
        else:
            frame.value[frame.key] = value
            frame.has_key = False

    def _key(self, frame: _Frame, value: Any, event: Any, plain: bool) -> None:
        if isinstance(value, dict | list):
            raise self._refuse("a list or mapping cannot be a field's name", event)
        if plain and value == "<<":
            frame.key, frame.has_key = _MERGE, True
            return
        key = getattr(event, "value", str(value)) if value is None or isinstance(value, bool) else value
        if key in frame.lines:
            raise self._refuse(f"{str(key)[:60]!r} is given twice; first on line {frame.lines[key]}", event)
        frame.lines[key] = event.start_mark.line + 1
        frame.key, frame.has_key = key, True

    def _mergeable(self, value: Any, event: Any) -> Iterator[dict[Any, Any]]:
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise self._refuse("'<<' merges mappings only", event)
            yield source


_MERGE = object()
