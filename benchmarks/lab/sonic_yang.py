"""Checks exported config_db.json files against SONiC's own YANG models, with libyang's ``yanglint``.

    git clone --depth 1 https://github.com/sonic-net/sonic-buildimage
    python benchmarks/lab/sonic_yang.py sonic-buildimage/src/sonic-yang-models configs

SONiC's tables are not YANG data as they stand: a row's key is in one string, and a table is one of several lists. What
is what, the models say; they are read here as far as that takes (RFC 7950: containers, lists and keys). XML is written,
not JSON, because there every value is text, as in the file. Exit code 1 if yanglint refuses a file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_CVL = re.compile(r"\{%\s*if yang_model_type == \"cvl\"\s*%\}.*?\{%\s*else\s*%\}(.*?)\{%\s*endif\s*%\}", re.DOTALL)
_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'[^']*'|[{};+]|[^\s{};\"']+", re.DOTALL)


@dataclass
class Statement:
    """A YANG statement: keyword, argument and what is in its braces."""

    keyword: str
    argument: str = ""
    inside: list[Statement] = field(default_factory=list)

    def all(self, *keywords: str) -> list[Statement]:
        return [one for one in self.inside if one.keyword in keywords]

    def value(self, keyword: str) -> str:
        return next((one.argument for one in self.inside if one.keyword == keyword), "")


def parsed(text: str) -> Statement:
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith(("//", "/*"))]
    top = Statement("")
    open_, place = [top], 0
    while place < len(tokens):
        if tokens[place] == "}":
            open_.pop()
            place += 1
            continue
        statement, words = Statement(tokens[place]), []
        place += 1
        while tokens[place] not in "{;":
            words.append(tokens[place])
            place += 1
        statement.argument = "".join(word.strip("\"'") for word in words if word != "+")
        open_[-1].inside.append(statement)
        if tokens[place] == "{":
            open_.append(statement)
        place += 1
    return top.inside[0]


def models(folder: Path, scratch: Path) -> dict[str, tuple[Statement, Statement]]:
    """Copy the models to ``scratch``, templates filled in; return module and table by the table's name."""
    found = {}
    for path in sorted([*folder.rglob("*.yang"), *folder.rglob("*.yang.j2")]):
        text = _CVL.sub(r"\1", path.read_text(encoding="utf-8"))
        (scratch / path.name.removesuffix(".j2")).write_text(text, encoding="utf-8")
        if not path.name.startswith("sonic-"):
            continue
        module = parsed(text)
        for top in module.all("container"):
            for table in top.all("container"):
                found[table.argument] = (module, table)
    if not found:
        raise SystemExit(f"error: {folder}: holds no SONiC models; name sonic-buildimage/src/sonic-yang-models")
    return found


def as_xml(database: dict[str, Any], known: dict[str, tuple[Statement, Statement]]) -> Iterator[str]:
    """Yield one tree a module, with all its tables."""
    if unknown := sorted(set(database) - set(known)):
        raise ValueError(f"no model has the table {unknown[0]}")
    for module_name in {known[name][0].argument: None for name in database}:
        names = [name for name in database if known[name][0].argument == module_name]
        module = known[names[0]][0]
        top = module.all("container")[0].argument
        yield f'<{top} xmlns="{module.value("namespace")}">'
        for name in names:
            yield f"<{name}>"
            for key, row in database[name].items():
                yield from _row(known[name][1], key, row)
            yield f"</{name}>"
        yield f"</{top}>"


def _row(table: Statement, key: str, row: dict[str, Any]) -> Iterator[str]:
    single = [one for one in table.all("container") if one.argument == key]
    if single:
        yield f"<{key}>{''.join(_leaves(row))}</{key}>"
        return
    parts = key.split("|")
    lists = [one for one in table.all("list") if len(one.value("key").split()) == len(parts)]
    if not lists:
        raise ValueError(f"{table.argument} has no list with {len(parts)} keys, for {key}")
    kept = [one for one in lists if not one.argument.startswith("VOQ")]
    chosen = kept[-1] if table.argument == "BGP_NEIGHBOR" else kept[0]
    yield f"<{chosen.argument}>"
    yield from (f"<{k}>{escape(v)}</{k}>" for k, v in zip(chosen.value("key").split(), parts, strict=True))
    nested = chosen.all("list")
    if nested:  # a map: its rows are pairs
        inner = nested[0]
        first = inner.value("key")
        second = next(leaf.argument for leaf in inner.all("leaf") if leaf.argument != first)
        for left, right in row.items():
            pair = f"<{first}>{left}</{first}><{second}>{right}</{second}>"
            yield f"<{inner.argument}>{pair}</{inner.argument}>"
    else:
        yield from _leaves(row)
    yield f"</{chosen.argument}>"


def _leaves(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        for each in value if isinstance(value, list) else [value]:
            yield f"<{name}>{escape(str(each))}</{name}>"


def check(folder: Path, configs: Path) -> list[str]:
    """Return what yanglint says against the config_db.json files below ``configs``; nothing where all are right."""
    files = sorted(configs.rglob("config_db.json"))
    if not files:
        raise SystemExit(f"error: {configs}: holds no config_db.json; make some with weft export --to sonic")
    complaints = []
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        known = models(folder, scratch)
        for path in files:
            try:
                database = json.loads(path.read_text(encoding="utf-8"))
                data = "".join(as_xml(database, known))
            except ValueError as error:
                complaints.append(f"{path}: {error}")
                continue
            (scratch / "data.xml").write_text(data, encoding="utf-8")
            first = "sonic-device_metadata"  # others ask it
            modules = [first, *sorted({known[name][0].argument for name in database} - {first})]
            done = subprocess.run(
                ["yanglint", "-p", scratch_name, "-t", "config"]
                + [str(scratch / f"{module}.yang") for module in modules]
                + [str(scratch / "data.xml")],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                said = [line for line in done.stderr.splitlines() if "warn" not in line]
                complaints.append(f"{path}: " + " ".join(said))
    return complaints


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: sonic_yang.py MODELS CONFIGS")
    said = check(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(said) or "all files are valid")
    raise SystemExit(bool(said))
