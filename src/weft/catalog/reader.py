"""Catalog files in: YAML to checked parts, with errors that name file, line and field."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from weft import files
from weft.catalog.field_units import field_unit
from weft.catalog.model import Fact, Part, Source, is_fact
from weft.errors import ConfigError, UnknownName, suggestion

HEAD = ("id", "name", "source", "confidence")
RawPart = dict[str, Any]
Keys = tuple[str | int, ...]
_FILE_FIELDS = ("kind", "about", "parts", "sources")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Model = TypeVar("_Model", bound=BaseModel)


class Failure:
    """Makes errors for one file; finds the line only when there is something to say."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, message: str, *keys: str | int) -> ConfigError:
        """Return an error at the field that ``keys`` lead to."""
        return ConfigError(message, file=str(self.path), line=self.line(*keys), field=_dotted(keys) or None)

    def line(self, *keys: str | int) -> int | None:
        """Return the line of the field that ``keys`` lead to, or of the nearest thing around it."""
        return files.read_document(self.path).line(keys)

    def explain(self, model: type[BaseModel], error: ValidationError, keys: Keys) -> ConfigError:
        """Say the first complaint of pydantic in our words."""
        # a field that is missing may be one that is misspelt: speak of the misspelling first
        first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
        where = tuple(k for k in first["loc"] if isinstance(k, str | int))
        names = [known.alias or name for name, known in model.model_fields.items() if name != "unit"]
        if first["type"] == "extra_forbidden":
            names += ["value"] if model is Fact else []
            return self(f"unknown field{suggestion(str(where[-1]), names)}", *keys, *where)
        if first["type"] == "missing":
            means = "write 'value', or 'low', 'typical' and 'high'" if model is Fact else "it is required"
            return self(f"{where[-1]!r} is missing; {means}", *keys)
        if first["type"] in ("string_type", "bool_type", "bool_parsing"):
            return self(f"expected {'text' if first['type'] == 'string_type' else 'true or false'}", *keys, *where)
        message = first["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
        return self(message, *keys, *where)


@dataclass(frozen=True, slots=True)
class Document:
    """One catalog file, not yet checked part by part: ``parts`` by id, ``keys`` the path to each in the file."""

    path: Path
    kind: str
    parts: dict[str, RawPart]
    keys: dict[str, Keys]
    sources: dict[str, Source]


def read_package_file(path: Path) -> Any:
    """Parse one of the package's own data files, fast."""
    return yaml.load(path.read_bytes(), _Loader)


def read_package_document(path: Path) -> Document:
    """Read one of the package's own files of parts."""
    return _document(read_package_file(path), path, (path.stem,))


def read_overlay(path: Path, kinds: Iterable[str]) -> Document:
    """Read a user's file of ``kind:`` and ``parts:`` (and, if it cites some, ``sources:``).

    Raises:
        ConfigError: with file, line and field.
    """
    return _document(files.read_yaml(path), path, kinds)


def _document(data: dict[str, Any], path: Path, kinds: Iterable[str]) -> Document:
    fail = Failure(path)
    for key in data:
        if key not in _FILE_FIELDS:
            raise fail(f"unknown field{suggestion(str(key), _FILE_FIELDS)}", key)
    kind = data.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"say which kind of part these are: one of {', '.join(kinds)}", file=str(path), field="kind")
    if kind not in (known := set(kinds)):
        raise UnknownName("kind of part", kind, known, file=str(path), line=fail.line("kind"), field="kind")
    entries = data.get("parts")
    if not isinstance(entries, list):
        raise fail("expected a list of parts, each '- id: ...' with its facts", "parts")
    parts: dict[str, RawPart] = {}
    keys: dict[str, Keys] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
            raise fail("a part needs an 'id:' (text)", "parts", index)
        if entry["id"] in parts:
            raise fail(f"the id {entry['id']!r} is used twice in this file", "parts", index, "id")
        parts[entry["id"]] = {str(name): value for name, value in entry.items()}
        keys[entry["id"]] = ("parts", index)
    return Document(path, kind, parts, keys, read_sources(data.get("sources") or {}, path))


def read_sources(data: Any, path: Path) -> dict[str, Source]:
    """Check the ``sources:`` mapping of a file.

    Raises:
        ConfigError: located.
    """
    fail = Failure(path)
    if not isinstance(data, dict):
        raise fail("expected source ids, each with a title and, if it has one, a url", "sources")
    found = {}
    for key, entry in data.items():
        if not isinstance(entry, dict):
            raise fail("expected a title and, if it has one, a url", "sources", key)
        found[str(key)] = _checked(Source, {**entry, "id": str(key)}, fail, ("sources", key))
    return found


def build_part(document: Document, raw: RawPart, known_sources: Container[str]) -> Part:
    """Check one part and make it.

    Args:
        document: the file that speaks of it last; errors point into it.
        raw: everything the files say about it.
        known_sources: ids of sources that can be resolved.

    Raises:
        ConfigError: located at the part's field.
    """
    fail, keys = Failure(document.path), document.keys[raw["id"]]
    for name in HEAD:
        if name not in raw:
            raise fail(f"part {raw['id']!r} has no {name!r}", *keys)
    facts: dict[str, Fact] = {}
    plain: dict[str, Any] = {}
    for name, value in raw.items():
        if is_fact(value):
            facts[name] = _fact(name, value, known_sources, fail, (*keys, name))
        elif name not in HEAD:
            plain[name] = value
    sources = raw["source"] if isinstance(raw["source"], list) else [raw["source"]]
    _check_sources(sources, known_sources, fail, (*keys, "source"))
    head = {"id": raw["id"], "kind": document.kind, "name": raw["name"], "confidence": raw["confidence"]}
    return _checked(Part, {**head, "sources": sources, "facts": facts, "plain": plain}, fail, keys)


def _fact(name: str, value: Mapping[str, Any], known_sources: Container[str], fail: Failure, keys: Keys) -> Fact:
    unit = field_unit(name)
    if "unit" in value:
        raise fail("the unit is the last part of the fact's name; drop this field", *keys, "unit")
    fact = _checked(Fact, {**value, "unit": unit.label}, fail, keys)
    if fact.low < 0 and not unit.signed:
        raise fail(f"{fact.low:g} is negative", *keys)
    _check_sources(fact.sources, known_sources, fail, (*keys, "src"))
    return fact


def _check_sources(sources: Iterable[Any], known: Container[str], fail: Failure, keys: Keys) -> None:
    for source in sources:
        if not isinstance(source, str) or source not in known:
            near = suggestion(source, known) if isinstance(source, str) and isinstance(known, set) else ""
            shown = repr(source[:60]) if isinstance(source, str) else "of another type than text"
            raise fail(f"unknown source {shown}{near if 'mean' in near else ''}; add it under 'sources:'", *keys)


def _checked(model: type[_Model], data: dict[str, Any], fail: Failure, keys: Keys) -> _Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise fail.explain(model, error, keys) from None


def _dotted(keys: Keys) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text
