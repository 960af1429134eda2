"""Published JSON Schemas: current, and of one mind with the reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from weft.cli.file_schemas import KINDS, file_schema
from weft.files import read_yaml

Weft = Callable[..., Any]


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_copy_is_current(kind: str, root: Path, weft: Weft) -> None:
    published = (root / "docs" / "schema" / f"{kind}.schema.json").read_text(encoding="utf-8")
    # As values: releases of pydantic differ in writing 1 or 1.0.
    assert json.loads(weft("schema", kind).out) == json.loads(published), "run: python docs/build.py"


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(file_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_it_accepts_the_starter_and_every_example(kind: str, root: Path) -> None:
    validator = jsonschema.Draft202012Validator(file_schema(kind))
    starters = sorted((root / "src/weft/cli/starter").glob(f"{kind}.yaml"))
    found = [*starters, *sorted((root / "examples").glob(f"*/{kind}*.yaml"))]
    assert starters or kind == "scenario"
    assert len(found) > 1
    for path in found:
        assert list(validator.iter_errors(read_yaml(path))) == [], path


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("job", {"model": "llama3-8b", "sequence": 1, "global_batch": 1, "recomputed": "full"}),
        ("job", {"model": "llama3-8b", "sequence": 0, "global_batch": 1}),
        ("cluster", {"nodes": 4}),
        ("cluster", {"nodes": 4, "node": {}, "scale_out": {"topology": "mobius"}}),
        ("cluster", {"nodes": 4, "node": {"scale_up": {"rate": "400G"}}}),
    ],
)
def test_it_refuses_what_the_reader_refuses(kind: str, text: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(text, file_schema(kind))


def test_every_field_is_described() -> None:
    """The file reference is made of these descriptions; a field without one is a hole in it."""
    bare = []
    for kind in KINDS:
        schema = file_schema(kind)
        for name, model in [(kind, schema), *schema["$defs"].items()]:
            for field, about in model.get("properties", {}).items():
                if "description" not in json.dumps(about) and "$ref" not in json.dumps(about):
                    bare.append(f"{name}.{field}")
    allowed = {"name", "description", "precision", "recompute", "optimizer", "tp", "pp", "dp", "cp", "ep", "topology"}
    shapes = {"layers", "hidden", "heads", "vocab", "tied_embeddings", "allow_tp_across_nodes"}
    assert [field for field in bare if field.split(".")[1] not in allowed | shapes] == []
