"""What docs/catalog.md says is so: its counts, its overlay, its Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weft.catalog import load_catalog

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")


def test_the_table_of_kinds_counts_right() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", PAGE, re.M)
    assert len(rows) == 9
    for kind, parts, facts in rows:
        listed = load_catalog().parts(kind)
        assert (len(listed), sum(len(part.facts) for part in listed)) == (int(parts), int(facts)), kind


def test_the_overlay_on_the_page_loads(tmp_path: Path) -> None:
    overlay = tmp_path / "own.yaml"
    overlay.write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")  # type: ignore[index]
    cat = load_catalog(overlay)
    assert cat.find("my_chip").si("scale_out_gbps") == 50e9
    h100 = cat.find("h100_sxm")
    assert (h100.si("tdp_w"), h100.si("price_usd"), h100.si("hbm_gb")) == (600, 23500, 80e9)


def test_the_python_on_the_page_answers_what_it_says() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]  # type: ignore[index]
    scope: dict[str, object] = {}
    for line in code.splitlines():
        if "  # " not in line:
            exec(line, scope)
            continue
        expression, answer = line.split("  # ")
        said = answer.removesuffix(" B/s")
        value = eval(expression, scope)
        assert value == pytest.approx(float(said)) if isinstance(value, float) else repr(value) == said
