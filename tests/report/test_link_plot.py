"""Plots: refused early and clearly where they cannot be drawn."""

from __future__ import annotations

import importlib.util

import pytest

from weft.errors import ConfigError
from weft.report.link_plot import check_plot


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'weft\[plots\]'"):
        check_plot("p.svg")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\.svg or \.png"):
        check_plot("p.jpeg")
