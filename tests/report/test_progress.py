"""The progress line: on a terminal only, only after a while, and gone afterwards."""

from __future__ import annotations

import io

import pytest

from weft.report import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shows"), [(Terminal(), True), (io.StringIO(), False)])
def test_it_shows_on_terminals(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shows: bool) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.Line("operations") as line:
        for done in (10, 20, 30):
            line.update(done, 100)
    text = stream.getvalue()
    assert ("30/100 operations, 7 s left" in text) == shows
    assert text.endswith("\r\x1b[K") == shows
