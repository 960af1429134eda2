"""JSON for machines: one object, finite numbers only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from weft.errors import InternalError


def to_json(value: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """Return one JSON object; numpy scalars and arrays become plain numbers and lists.

    Raises:
        InternalError: there is no ``schema`` key, or a number is not finite (JSON has no way to write it).
    """
    if "schema" not in value:
        raise InternalError("a JSON answer names its schema")
    try:
        return json.dumps(value, indent=indent, allow_nan=False, default=_plain, ensure_ascii=False)
    except ValueError as error:
        raise InternalError(f"the answer cannot be written as JSON: {error} ({_first_bad(value)})") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise ValueError(f"{type(value).__name__} is not JSON")


def _first_bad(value: Any, place: str = "") -> str:
    """Return where the first number that is not finite stands."""
    children = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found = _first_bad(child, f"{place}.{key}" if place else str(key))
        if found:
            return found
    return place if isinstance(value, float) and not math.isfinite(value) else ""
