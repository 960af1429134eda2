"""Models from files: errors name file, line and field, and say what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError, model_validator

from weft.errors import ConfigError
from weft.fabric.spec import Cluster
from weft.files import Document, Money, Rate, Size, Strict, explain, located, read_model
from weft.workload.spec import Job


@pytest.fixture
def complaint(tmp_path: Path) -> Any:
    def _complaint(model: type[Strict], text: str) -> str:
        path = tmp_path / "file.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            read_model(path, model)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        return message.removeprefix(str(path))

    return _complaint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nodez: 4\nnode: {}\n", ":1: nodez: unknown field; did you mean 'nodes'? (and 1 more)"),
        ("node: {}\n", ": nodes: missing; it is the number of nodes"),
        ("nodes: -4\nnode: {}\n", ":1: nodes: expected a value greater than 0, read -4"),
        ("nodes: 4.5\nnode: {}\n", ":1: nodes: expected a whole number, read 4.5"),
        ("nodes: many\nnode: {}\n", ":1: nodes: expected a whole number, read 'many'"),
        ("nodes: 4\nnode:\n  sistem: dgx_h100\n", ":3: node.sistem: unknown field; did you mean 'system'?"),
        ("nodes: 4\nnode: dgx_h100\n", ":2: node: expected fields ('name: value' lines), read 'dgx_h100'"),
        ("nodes: 4\nnode: {system: 12}\n", ":2: node.system: expected text (put it in quotes), read 12"),
        ("nodes: 4\nnode:\n  scale_up:\n    rate: 400G\n", ":4: node.scale_up.rate: '400G' does not say bits or bytes"),
        ("nodes: 4\nnode: {}\ncatalog: [1]\n", ":3: catalog[0]: expected text"),
        ("nodes: 4\nnode: {}\ncatalog: parts.yaml\n", ":3: catalog: expected a list"),
        ("nodes: 4\nnode: {}\nprices: {energy: 0.1}\n", "the energy price 0.1 has no unit"),
        ("nodes: 4\nnode: {}\n5: x\n", "a field's name is text"),
        ("nodes: 4\nnode: {nics: []}\n", ":2: node.nics: expected a whole number, read []"),
    ],
)
def test_cluster_complaints(complaint: Any, text: str, says: str) -> None:
    assert says in complaint(Cluster, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "model: x\nprecision: bf61\n",
            ":4: precision: expected 'fp16', 'bf16', 'fp8', 'mxfp8', 'fp4' or 'fp32', read 'bf61'",
        ),
        ("model: x\nprecision: bf61\n", "did you mean 'bf16'?"),
        ("model: 5\n", ":3: model: expected text"),
        ("model: {layers: 5, hiden: 3}\n", ":3: model.hiden: unknown field; did you mean 'hidden'?"),
        ("model: {layers: 5, hidden: 3, heads: 4, vocab: x}\n", ":3: model.vocab: expected a whole number, read 'x'"),
        ("model: x\nparallelism:\n  tp: 0\n", ":5: parallelism.tp: expected a value greater than 0, read 0"),
        ("model: x\noverlap: {dp: maybe}\n", ":4: overlap.dp: expected true or false, read 'maybe'"),
        ("model: x\nparallelism:\n", ":4: parallelism: expected fields ('name: value' lines), read nothing"),
    ],
)
def test_job_complaints(complaint: Any, text: str, says: str) -> None:
    assert says in complaint(Job, "sequence: 8192\nglobal_batch: 16\n" + text)


def test_good_files_read_to_si(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("nodes: 0x10\nnode:\n  scale_up: {rate: 450GB/s}\nprices: {energy: 80USD/MWh}\n")
    cluster = read_model(path, Cluster)
    assert cluster.nodes == 16
    assert cluster.node.scale_up.rate == 450e9
    assert cluster.prices.energy == pytest.approx(80 / 3.6e9)


class Shelf(Strict):
    price: Money = 0.0
    rates: tuple[Rate, ...] = ()
    room: Size | None = None

    @model_validator(mode="after")
    def _no_free_shelf(self) -> Shelf:
        if self.price == 13:
            raise ConfigError("thirteen is not a price", field="price")
        return self


def test_config_errors_of_validators_get_the_file_and_line(complaint: Any) -> None:
    assert complaint(Shelf, "room: 1GB\nprice: 13\n") == ":2: price: thirteen is not a price"


def test_quantities_inside_lists(complaint: Any) -> None:
    assert ":3: rates[1]: the rate '3' has no unit" in complaint(Shelf, "rates:\n- 400Gb/s\n- '3'\n")


def test_the_schema_accepts_what_the_model_accepts() -> None:
    import jsonschema

    schema = Shelf.model_json_schema()
    for good in (
        {"price": "1.5kUSD"},
        {"price": 20},
        {"rates": ["400Gb/s", "50 GB/s"]},
        {"room": None},
        {"room": "8GiB"},
    ):
        Shelf.model_validate(good)
        jsonschema.validate(good, schema)
    for bad in ({"rates": ["400G"]}, {"rates": [400]}, {"room": "8Gb"}, {"price": "5EUR"}, {"shelf": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
        with pytest.raises(ValidationError):
            Shelf.model_validate(bad)


def test_explain_without_a_file() -> None:
    with pytest.raises(ValidationError) as caught:
        Shelf.model_validate({"prise": 1})
    assert str(explain(caught.value, Shelf, None, {"prise": 1})) == "prise: unknown field; did you mean 'price'?"


def test_a_document_remembers_its_path() -> None:
    assert Document("x.yaml", {}, {}).line(("a",)) is None


def test_errors_found_later_get_the_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "shelf.yaml"
    path.write_text("room: 1GB\nprice: 5\nrates: [1Gb/s,\n  2Gb/s]\n")
    shelf = read_model(path, Shelf)
    assert shelf == Shelf.model_validate({"room": "1GB", "price": 5, "rates": ["1Gb/s", "2Gb/s"]})

    def later(model: Shelf, field: str | None) -> str:
        with pytest.raises(ConfigError) as caught, located(model):
            raise ConfigError("no such thing", field=field)
        return str(caught.value)

    assert later(shelf, "price") == f"{path}:2: price: no such thing"
    assert later(shelf, "rates[1]") == f"{path}:4: rates[1]: no such thing"
    assert later(shelf.model_copy(update={"price": 6}), "price.x").startswith(f"{path}:2: ")
    assert later(shelf, "nodes") == "nodes: no such thing"
    assert later(shelf, None) == "no such thing"
    assert later(Shelf(), "price") == "price: no such thing"
