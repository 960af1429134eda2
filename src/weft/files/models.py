"""A user's file into a pydantic model; what is wrong with it in one line that says how to mend it."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from weft.errors import ConfigError, suggestion
from weft.files.document import Document, read_document
from weft.files.quantities import Strict

M = TypeVar("M", bound=BaseModel)
Location = tuple[Any, ...]

_PLAIN = {"str", "int", "float", "bool", "decimal"}
_EXPECTED = {
    "string_type": "text (put it in quotes)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list ('- item' lines or [a, b])",
    "tuple_type": "a list ('- item' lines or [a, b])",
    "dict_type": "fields ('name: value' lines)",
    "model_type": "fields ('name: value' lines)",
    "model_attributes_type": "fields ('name: value' lines)",
    "none_required": "nothing",
}


def read_model(path: str | os.PathLike[str], model: type[M]) -> M:
    """Read a YAML file into ``model``.

    Raises:
        ConfigError: the file cannot be read, or a field is unknown, missing or wrong; in one located line.
    """
    document = read_document(path)
    return check_model(document, model)


def check_model(document: Document, model: type[M]) -> M:
    """Validate an already read document as ``model``; raises as `read_model` does."""
    try:
        checked = model.model_validate(document.value)
    except ValidationError as error:
        raise explain(error, model, document) from None
    except ConfigError as error:
        if error.file is None:
            error.file, error.line = document.path, error.line or _line_of(document, error.field)
        raise
    if isinstance(checked, Strict):
        checked._origin = _Origin(document)
    return checked


class _Origin:
    """A document that does not count when two models are compared."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@contextmanager
def located(model: Strict) -> Iterator[None]:
    """Give errors about fields of ``model`` the file and line it was read from, if it was.

    For what only shows after reading: a part the catalog does not have, a degree that does not divide.
    """
    try:
        yield
    except ConfigError as error:
        known = error.field is not None and error.field.split(".")[0].split("[")[0] in type(model).model_fields
        if model._origin is not None and error.file is None and known:
            document: Document = model._origin.document
            error.file, error.line = document.path, _line_of(document, error.field)
        raise


def explain(
    error: ValidationError, model: type[BaseModel], document: Document | None, value: Any = None
) -> ConfigError:
    """Turn pydantic's errors into one: the first by line, and how many more there are.

    Args:
        error: what pydantic raised.
        model: the model that was being validated.
        document: the file, for lines; None where the value did not come from a file.
        value: the value that was validated, where there is no document.
    """
    data = document.value if document else value
    found = [(_location(problem, data), problem) for problem in error.errors(include_url=False)]
    found = _without_hopeless_branches(found, data)
    # A field that is missing may be one that is misspelt: speak of the misspelling first.
    found.sort(key=lambda item: (item[1]["type"] == "missing", (document.line(item[0]) or 0) if document else 0))
    location, problem = found[0]
    given = _value_at(data, location[:-1])
    message = _message(problem, location, model, set(given) if isinstance(given, dict) else set())
    distinct = len({place for place, _ in found})
    if distinct > 1:
        message += f" (and {distinct - 1} more)"
    return ConfigError(
        message,
        file=document.path if document else None,
        line=document.line(location) if document else None,
        field=_dotted(location) or None,
    )


def _line_of(document: Document, field: str | None) -> int | None:
    if not field:
        return None
    steps = re.findall(r"[^.\[\]]+", field)
    return document.line(tuple(int(step) if step.isdigit() else step for step in steps))


def _location(problem: Any, data: Any) -> Location:
    """Drop from pydantic's location the names of union branches and validators, which the user never wrote."""
    loc = problem["loc"]
    kept: list[Any] = []
    value = data
    for index, step in enumerate(loc):
        inside_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if inside_list or (isinstance(value, dict) and step in value):
            value = value[step]
            kept.append(step)
        elif problem["type"] == "missing" and index == len(loc) - 1:
            kept.append(step)
    return tuple(kept)


def _without_hopeless_branches(found: list[tuple[Location, Any]], data: Any) -> list[tuple[Location, Any]]:
    """Where a union failed, keep the branch the user meant: the model if they wrote fields, else the plain types."""
    hopeful = []
    for location, problem in found:
        tags = [step for step in problem["loc"] if step not in location]
        meant_fields = isinstance(_value_at(data, location), dict)
        if not (tags and meant_fields and tags[-1] in _PLAIN):
            hopeful.append((location, problem))
    return hopeful or found


def _value_at(data: Any, location: Location) -> Any:
    for step in location:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _dotted(location: Location) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text[:120]


def _message(problem: Any, location: Location, model: type[BaseModel], given: set[Any]) -> str:
    """Say what is wrong with one field and what would be right."""
    kind, context = problem["type"], problem.get("ctx", {})
    read = "nothing" if problem["input"] is None else repr(problem["input"])
    read = read if len(read) <= 60 else read[:57] + "..."
    parent = _model_at(model, location[:-1])
    if kind == "extra_forbidden":
        known = [name for name in parent.model_fields if name not in given] if parent else []
        return f"unknown field{suggestion(str(location[-1]), known)}"
    if kind == "invalid_key":
        return "a field's name is text; put it in quotes"
    if kind == "missing":
        about = parent.model_fields.get(str(location[-1])) if parent else None
        return "missing" + (f"; it is the {about.description}" if about and about.description else "; it is required")
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", problem["msg"]))
    if kind == "literal_error":
        choices = str(context.get("expected", ""))
        options = [choice.strip(" '") for choice in choices.replace(" or ", ", ").split(",")]
        near = suggestion(str(problem["input"])[:60], options) if isinstance(problem["input"], str) else ""
        return f"expected {choices}, read {read}" + (near if "did you mean" in near else "")
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, read {read}"
    text = problem["msg"].removeprefix("Input should be ")
    return f"expected a value {text}, read {read}" if text != problem["msg"] else f"{text}, read {read}"


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Return the model that holds the fields at ``location``, walking through lists, dicts and unions."""
    current: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(str(step)) if current else None
        current = _model_in(field.annotation) if field else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for part in typing.get_args(annotation):
        found = _model_in(part)
        if found is not None:
            return found
    return None
