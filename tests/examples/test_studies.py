"""Studies run, end in predicted | published, and predict from the catalog: change a part and the prediction follows."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

STUDIES = Path(__file__).resolve().parents[2] / "examples" / "studies"
HELPERS = {"predicted_published", "flow_rates"}
NAMES = sorted({path.stem for path in STUDIES.glob("*.py")} - HELPERS)


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when a study is run: its folder is on the path."""
    monkeypatch.syspath_prepend(str(STUDIES))
    yield
    for name in HELPERS:
        sys.modules.pop(name, None)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, STUDIES / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_study_runs_and_ends_in_its_table(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load(name).main()
    out = capsys.readouterr().out
    assert re.search(r"figure +predicted +published +difference", out)
    assert max(map(len, out.splitlines())) <= 100
    assert "[1] " in out.split("difference")[1]


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_computed_not_written(name: str) -> None:
    """Every ``Row(...)`` has an expression, not a number, for what is predicted."""
    tree = ast.parse((STUDIES / f"{name}.py").read_text())
    rows = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Row"]
    assert rows
    for row in rows:
        assert any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(row.args[1])), ast.unparse(row)


def test_every_published_figure_has_a_source_and_is_used() -> None:
    figures = yaml.safe_load((STUDIES / "published.yaml").read_text())
    text = "".join(path.read_text() for path in STUDIES.glob("*.py"))
    for key, figure in figures.items():
        assert figure["source"]
        assert {"value", "high"} & figure.keys(), key
        assert f'"{key}"' in text, key


OVERLAYS = {
    "microled_scale_up": ("media", "microled_mosaic_800g_paper", "power_w_per_end: {value: 9.8, src: me, conf: yours}"),
    "dragonfly_or_fat_tree": ("switches", "nv_qm9700", "price_usd_system: {value: 99000, src: me, conf: yours}"),
}


@pytest.mark.parametrize("name", OVERLAYS)
def test_predictions_follow_the_catalog(name: str, tmp_path: Path) -> None:
    kind, part, fact = OVERLAYS[name]
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(f"kind: {kind}\nsources: {{me: {{title: mine}}}}\nparts:\n- id: {part}\n  {fact}\n")
    study = load(name)
    before = [row.predicted for row in study.rows()]
    after = [row.predicted for row in study.rows(catalog=(str(overlay),))]
    assert before != after
