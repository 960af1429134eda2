"""Catalog files in: YAML to checked parts, with errors that name file, line and field."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from weft.catalog.field_units import field_unit
from weft.catalog.model import Fact, Part, Source, is_fact
from weft.errors import ConfigError, UnknownName, suggestion

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HEAD = ("id", "name", "source", "confidence")
_FILE_FIELDS = ("kind", "about", "parts", "sources")
MAX_BYTES = 4_000_000
RawPart = dict[str, Any]
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One catalog file, not yet checked part by part: ``parts`` by id, ``keys`` the path to each in the file."""

    path: Path
    kind: str
    parts: dict[str, RawPart]
    sources: dict[str, Source]
    keys: dict[str, tuple[str | int, ...]] = field(default_factory=dict)


def load_yaml(path: Path) -> Any:
    """Parse a YAML file.

    Raises:
        ConfigError: unreadable, too large, not UTF-8 or not YAML.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(
                f"larger than {MAX_BYTES // 1_000_000} MB; a catalog file is text of a few kB", file=str(path)
            )
        return yaml.load(path.read_bytes().decode(), _Loader)
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror or error}", file=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", file=str(path)) from None
    except RecursionError:
        raise ConfigError("nested too deeply", file=str(path)) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise ConfigError(f"not valid YAML: {problem}", file=str(path), line=mark.line + 1 if mark else None) from None


def read_document(path: Path, *, known_kinds: Iterable[str] | None = None) -> Document:
    """Read a file of ``kind:`` and ``parts:`` (and, if it has them, ``sources:``).

    Args:
        path: the YAML file.
        known_kinds: kinds it may be of; None allows any.

    Raises:
        ConfigError: with file, line and field.
    """
    data = load_yaml(path)
    fail = Failure(path)
    if not isinstance(data, dict):
        what = "it is empty" if data is None else "it is not a mapping"
        raise fail(f"{what}; a catalog file has 'kind:' and 'parts:'")
    for key in data:
        if key not in _FILE_FIELDS:
            raise fail(f"unknown field{suggestion(str(key), _FILE_FIELDS)}", key)
    kind = data.get("kind")
    if not isinstance(kind, str):
        raise fail("kind is missing; say which kind of part these are, such as 'kind: switches'", "kind")
    if known_kinds is not None and kind not in (known := set(known_kinds)):
        raise UnknownName("kind of part", kind, known, file=str(path), line=fail.line("kind"), field="kind")
    entries = data.get("parts", [])
    if not isinstance(entries, list):
        raise fail("expected a list of parts", "parts")
    parts: dict[str, RawPart] = {}
    keys: dict[str, tuple[str | int, ...]] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise fail("a part needs an 'id:' (text)", "parts", index)
        if entry["id"] in parts:
            raise fail(f"the id {entry['id']!r} is used twice", "parts", index)
        parts[entry["id"]] = entry
        keys[entry["id"]] = ("parts", index)
    return Document(path, kind, parts, read_sources(data.get("sources") or {}, path), keys)


def read_sources(data: Any, path: Path) -> dict[str, Source]:
    """Check the ``sources:`` mapping of a file."""
    fail = Failure(path)
    if not isinstance(data, dict):
        raise fail("expected a mapping of source ids to titles and addresses", "sources")
    found = {}
    for key, entry in data.items():
        if not isinstance(entry, dict):
            raise fail("expected a mapping with a title", "sources", key)
        found[str(key)] = _checked(Source, {"id": str(key), **entry}, fail, ("sources", key))
    return found


def build_part(
    kind: str, raw: Mapping[str, Any], *, known_sources: Container[str], fail: Failure, keys: tuple[str | int, ...]
) -> Part:
    """Check one part and make it.

    Args:
        kind: its kind.
        raw: what the file (or the merged files) say.
        known_sources: ids of sources that can be resolved.
        fail: makes located errors.
        keys: where the part stands in the file.

    Raises:
        ConfigError: located at the part's field.
    """
    for name in HEAD:
        if name not in raw:
            raise fail(f"part {raw.get('id', '?')!r} has no {name!r}", *keys)
    sources = raw["source"] if isinstance(raw["source"], list) else [raw["source"]]
    facts, plain = {}, {}
    for name, value in raw.items():
        if name in HEAD:
            continue
        if not is_fact(value):
            plain[str(name)] = value
            continue
        unit = field_unit(str(name))
        fact = _checked(Fact, {**value, "unit": unit.label}, fail, (*keys, name), context={"signed": unit.signed})
        facts[str(name)] = fact
        _check_sources(fact.sources, known_sources, fail, (*keys, name))
    _check_sources(sources, known_sources, fail, (*keys, "source"))
    head = {"id": raw["id"], "kind": kind, "name": raw["name"], "confidence": raw["confidence"]}
    return _checked(Part, {**head, "sources": sources, "facts": facts, "plain": plain}, fail, keys)


def _check_sources(
    sources: Iterable[Any], known_sources: Container[str], fail: Failure, keys: tuple[str | int, ...]
) -> None:
    for source in sources:
        if not isinstance(source, str) or source not in known_sources:
            raise fail(f"unknown source {str(source)[:60]!r}; add it under 'sources:' with a title", *keys)


def _checked(
    model: type[_Model], data: dict[str, Any], fail: Failure, keys: tuple[str | int, ...], context: Any = None
) -> _Model:
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise fail.explain(model, error, keys) from None


class Failure:
    """Makes errors for one file, finding the line only when there is something to say."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, message: str, *keys: str | int) -> ConfigError:
        """Return an error at the field that ``keys`` lead to."""
        return ConfigError(message, file=str(self.path), line=self.line(*keys), field=_dotted(keys) or None)

    def explain(self, model: type[BaseModel], error: ValidationError, keys: tuple[str | int, ...]) -> ConfigError:
        """Say the first complaint of pydantic in our words."""
        first = error.errors(include_url=False)[0]
        where = tuple(k for k in first["loc"] if isinstance(k, str | int))
        names = [f.alias or name for name, f in model.model_fields.items() if name != "unit"]
        if model is Fact:
            names.append("value")
        if first["type"] == "extra_forbidden":
            return self(f"unknown field{suggestion(str(where[-1]), names)}", *keys, *where)
        if first["type"] == "missing":
            needs = " (or value)" if model is Fact and where[-1] in ("low", "typical", "high") else ""
            return self(f"{where[-1]!r}{needs} is missing", *keys)
        return self(first["msg"].removeprefix("Value error, "), *keys, *where)

    def line(self, *keys: str | int) -> int | None:
        """Return the line (from 1) of the deepest of ``keys`` that exists in the file."""
        try:
            node = yaml.compose(self.path.read_text(encoding="utf-8"), _Loader)
        except (OSError, ValueError, yaml.YAMLError, RecursionError):
            return None
        found = None
        for key in keys:
            child = _child(node, key)
            if child is None:
                break
            found, node = child
        return None if found is None else found + 1


def _child(node: Any, key: str | int) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line, node.value[key]
    return None


def _dotted(keys: tuple[str | int, ...]) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text
