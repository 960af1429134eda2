"""Reading YAML: YAML 1.2 values with their lines, and everything that is refused."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.files import read_document, read_yaml


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "file.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def refused(path: Path) -> str:
    begun = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert time.process_time() - begun < 5
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2025-01-02", "2025-01-02"),
        ("400Gb/s", "400Gb/s"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("-7", -7),
        ("+7", 7),
        ("-", [None]),
    ],
)
def test_plain_words_follow_yaml_1_2(write: Any, text: str, value: Any) -> None:
    read = read_yaml(write(f"a:\n  {text}\n"))["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_stay_text_where_yaml_1_1_would_make_them_true(write: Any) -> None:
    assert read_yaml(write("on: 1\ntrue: 2\nnull: 3\n")) == {"on": 1, "true": 2, "null": 3}


def test_lines_are_those_of_the_fields(write: Any) -> None:
    document = read_document(write("# note\na: 1\nb:\n  - x: 2\n  - y: {z: 3,\n         w: 4}\n"))
    assert document.line(("a",)) == 2
    assert document.line(("b",)) == 3
    assert document.line(("b", 1)) == 5
    assert document.line(("b", 1, "y", "w")) == 6
    assert document.line(("b", 1, "missing")) == 5
    assert document.line(("nothing",)) is None


def test_anchors_and_merges_work(write: Any) -> None:
    text = "base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\nlist: &l [1, 2]\nagain: *l\n"
    assert read_yaml(write(text)) == {"base": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}, "list": [1, 2], "again": [1, 2]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("~", "empty"),
        ("- a\n- b\n", "read a list"),
        ("just words", "single value 'just words'"),
        (b"a: \x00", "zero bytes"),
        (b"a: 1\nb: \xff\xfe\n", ":2: byte 0xff is not UTF-8"),
        ("a: 1".encode("utf-16"), "UTF-16"),
        ("a: \x07", "not a text file that YAML allows"),
        ("a: 1\na: 2\n", ":2: 'a' is given twice; first on line 1"),
        ("a:\n\tb: 1\n", ":2: a tab indents this line"),
        ("a: b: c\n", "second ': '"),
        ("a: [1, 2\n", "not YAML"),
        ("a: .nan\n", ".nan is not a finite number"),
        ("a: -.inf\n", "not a finite number"),
        ("a: 1e999\n", "too large"),
        ("a: " + "9" * 5000, "5000 digits"),
        ("a: " + "[" * 80 + "]" * 80, "nested more than"),
        ("a: " + "[" * 100_000, "nested more than"),
        ("a: &a [*a]\n", "*a"),
        ("a: *nothing\n", "*nothing"),
        ("a: !!python/object/apply:os.system [ls]\n", "is not allowed"),
        ("a: !custom 1\n", "the tag !custom is not allowed"),
        ("? [1, 2]\n: b\n", "cannot be a field's name"),
        ("a: 1\n---\nb: 2\n", ":2: a second document"),
        ("a: {<<: 5}\n", "'<<' merges mappings only"),
    ],
)
def test_refusals(write: Any, content: str | bytes, says: str) -> None:
    assert says in refused(write(content))


def test_alias_bomb_is_refused_before_it_expands(write: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "expands to more than" in refused(write("\n".join(lines)))


def test_aliases_cannot_nest_past_the_limit(write: Any) -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 100))]
    assert "nested more than" in refused(write("\n".join(lines)))


def test_large_files_are_refused_at_once(write: Any) -> None:
    assert "larger than" in refused(write(b"\x01garbage" * 1_300_000))
    assert "expands to more than" in refused(write("a: [" + "1," * 1_900_000 + "]"))


def test_missing_file_folder_and_closed_file(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.yaml")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "file.yaml").write_text("a: 1")
    assert "cannot be read" in refused(tmp_path / "file.yaml" / "inside")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml("a\0b")


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(10**20), 10**20)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=4),
            max_leaves=12,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_json_is_yaml(tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]) -> None:
    """Whatever JSON can say reads back as itself: strings are quoted there, numbers are not."""
    path = tmp_path_factory.mktemp("json") / "x.yaml"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    assert _same(read_yaml(path), value)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-15)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


@settings(max_examples=150)
@given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%@` \n\t,?<1.", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "x.yaml"
    path.write_bytes(content)
    try:
        read_yaml(path)
    except ConfigError as error:
        assert "\n" not in str(error)


def test_agrees_with_pyyaml_on_the_published_rows() -> None:
    """An independent loader reads the packaged rows to the same values."""
    from importlib.resources import files

    data = files("weft.validation") / "data"
    for name in ("nccl.yaml", "training.yaml"):
        text = (data / name).read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        assert read_yaml(str(data / name)) == yaml.load(text, Loader=loader)
