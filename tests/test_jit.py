"""Compiled kernels: the cache notices edits, old caches go, nothing breaks where none can be written."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import weft._jit


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, env={**inherited, **environment}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small package of its own with two kernel files, one of which calls the other."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_jit.py").write_text(Path(weft._jit.__file__).read_text())
    (folder / "inner_kernels.py").write_text(
        "from small._jit import kernel\n\n@kernel\ndef inner(x):\n    return x + 1\n"
    )
    (folder / "outer_kernels.py").write_text(
        "from small._jit import kernel\nfrom small.inner_kernels import inner\n\n"
        "@kernel\ndef outer(x):\n    return inner(x)\n"
    )
    return folder


CALL = "from small.outer_kernels import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"


def test_an_edit_of_an_imported_kernel_is_noticed(package: Path, tmp_path: Path) -> None:
    places = {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert python(CALL, **places) == "2 0"
    assert python(CALL, **places) == "2 1"
    inner = package / "inner_kernels.py"
    inner.write_text(inner.read_text().replace("x + 1", "x + 7"))
    assert python(CALL, **places) == "8 0"


def test_caches_not_used_for_long_are_deleted(package: Path, tmp_path: Path) -> None:
    kernels = tmp_path / "cache" / "weft" / "kernels"
    for age in range(8):
        (kernels / f"old{age}").mkdir(parents=True)
        os.utime(kernels / f"old{age}", (1e9 - age, 1e9 - age))
    python("from small._jit import cache_folder; cache_folder()", PYTHONPATH=str(tmp_path),
           XDG_CACHE_HOME=str(tmp_path / "cache"))  # fmt: skip
    left = sorted(folder.name for folder in kernels.iterdir())
    assert len(left) == 4
    assert left[1:] == ["old0", "old1", "old2"]


def test_where_the_home_cannot_be_written_the_temporary_folder_serves(package: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    python(CALL, PYTHONPATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "file"), TMPDIR=str(tmp_path / "tmp"))
    assert list((tmp_path / "tmp").glob("weft-*/kernels/*/**/*.nbi"))


def test_where_nothing_can_be_written_kernels_are_compiled_each_time(package: Path, tmp_path: Path) -> None:
    code = f"import small._jit as jit; jit._roots = lambda: [jit.Path({str(tmp_path / 'no')!r}) / 'x']\n{CALL}"
    (tmp_path / "no").touch()
    for _ in range(2):
        assert python(code, PYTHONPATH=str(tmp_path)) == "2 0"


def test_kernels_run_as_plain_python() -> None:
    """And mean the same."""
    code = """
        import numpy as np
        from weft.engines.fluid.allocation import max_min
        from weft.engines.fluid.flows_in_time import completion_times
        from weft.engines.fluid.network import FluidNetwork
        print(max_min([0, 2, 3, 4], [0, 1, 0, 1], [1, 1, 1, 1], [1, 2]).rate_Bps.tolist())
        print(completion_times([0, 2, 3, 4], [0, 1, 0, 1], [1, 1, 1, 1], 3, [1, 2]).tolist())
        net = FluidNetwork([1.0, 2.0], account=True, group=[0, -1])
        net.start(0, [0, 1], [1.0, 1.0], 3.0, 0.0, level=1)
        net.start(1, [0], [0.5], 3.0, 0.0)
        net.set_capacity([0], [2.0], 0.5)
        print([net.pop(), net.pop()], net.carried_bytes.tolist(), net.limited_by)
    """
    plain, compiled = python(code, NUMBA_DISABLE_JIT="1"), python(code)
    assert plain == compiled
    assert plain.splitlines()[0] == "[0.5, 0.5, 1.5]"


def test_importing_weft_does_not_import_numba() -> None:
    assert python("import sys, weft, weft._jit, weft.engines.fluid.network; print('numba' in sys.modules)") == "False"


def test_a_first_run_says_that_it_compiles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from weft import _jit
    from weft.cli.kernels import announce

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for before, engine, says in ((False, "fluid", True), (True, "fluid", False), (False, "analytic", False)):
        monkeypatch.setattr(_jit, "compiled_before", lambda before=before: before)
        announce(engine)
        assert ("compiling kernels" in capsys.readouterr().err) == says


def test_a_cache_with_code_in_it_has_been_compiled_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from weft import _jit

    monkeypatch.setattr(_jit, "cache_folder", lambda: str(tmp_path))
    assert not _jit.compiled_before()
    (tmp_path / "code").touch()
    assert _jit.compiled_before()
