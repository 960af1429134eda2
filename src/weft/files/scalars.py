"""What a plain YAML word means: the core schema of YAML 1.2, whose few rules surprise nobody.

PyYAML's own rules are those of YAML 1.1, where ``on`` is true, ``010`` is eight, ``1e3`` is text and ``1:30`` is
ninety. Here those are text, ten, a thousand and text.
"""

from __future__ import annotations

import math
import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_NUMBER_STARTS = frozenset("-+.0123456789")
_MOST_DIGITS = 300  # more than any double holds; Python refuses a few thousand anyway


def resolve(text: str) -> Any:
    """Return the value of a plain (unquoted) scalar: None, bool, int, float or the text itself.

    Raises:
        ValueError: a number that is not finite or absurdly long; the message says which.
    """
    if text[:1] not in _NUMBER_STARTS:
        return _WORDS.get(text, text)
    if _INTEGER.match(text):
        if len(text) > _MOST_DIGITS:
            raise ValueError(f"the number {text[:12]}... has {len(text)} digits")
        return int(text)
    if _FLOAT.match(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"the number {text[:40]} is too large to hold")
        return value
    if _NOT_FINITE.match(text):
        raise ValueError(f"{text} is not a finite number")
    if _BASED.match(text) and len(text) <= _MOST_DIGITS:
        return int(text, 0)
    return text
