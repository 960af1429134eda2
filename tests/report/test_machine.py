"""JSON answers: one object, named schema, finite numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from weft.errors import InternalError
from weft.report.machine import to_json


def test_numpy_becomes_plain() -> None:
    answer = {"schema": "x/1", "a": np.float64(1.5), "b": np.arange(3), "c": np.int32(7)}
    assert json.loads(to_json(answer)) == {"schema": "x/1", "a": 1.5, "b": [0, 1, 2], "c": 7}


def test_refuses_what_json_cannot_say() -> None:
    with pytest.raises(InternalError, match="schema"):
        to_json({"a": 1})
    with pytest.raises(InternalError, match=r"rows\.1\.time_s"):
        to_json({"schema": "x/1", "rows": [{"time_s": 1.0}, {"time_s": float("nan")}]})
