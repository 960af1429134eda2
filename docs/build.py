"""Writes the parts of the documentation that the program itself knows: schemas, field tables, command output.

Run ``python docs/build.py`` after changing a file's fields or anything the README's tour prints; tests compare.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.cli import main
from weft.cli.file_schemas import KINDS, file_schema

ROOT = Path(__file__).resolve().parent.parent
TOURS = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("validation", "fluid", "packet", "packet-fabric", "explain", "calibration", "export")
    ),
)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each generated file and what it should hold."""
    for kind in KINDS:
        schema = json.dumps(file_schema(kind), indent=2, ensure_ascii=False) + "\n"
        yield ROOT / "docs" / "schema" / f"{kind}.schema.json", schema
    reference = ROOT / "docs" / "files.md"
    text = reference.read_text(encoding="utf-8")
    for kind in KINDS:
        begin, end = f"<!-- {kind}: generated -->", f"<!-- {kind}: end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n\n{field_tables(kind)}\n{end}{rest.partition(end)[2]}"
    yield reference, text


def toured(name: str) -> str:
    """Return a page with the output of its console blocks run anew, one after another in an empty folder."""
    text = (ROOT / name).read_text(encoding="utf-8")
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.symlink(ROOT / "examples", Path(scratch) / "examples")
        os.chdir(scratch)
        try:
            return _CONSOLE.sub(lambda match: f"```console\n{_rerun(match[1])}```", text)
        finally:
            os.chdir(before)


def _rerun(block: str) -> str:
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "\n".join(f"{command}\n{_output(command[2:])}" for command in commands)


def _output(command: str) -> str:
    """Run one ``weft`` command in this process, as if piped; return what it prints but for hashes and times."""
    words = shlex.split(command)
    if words[0] != "weft":
        raise ValueError(f"a tour runs weft commands only, not {command!r}")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(words[1:])
    if code:
        raise SystemExit(f"{command!r} in a tour ended with exit code {code}")
    return re.sub(r", inputs .*", "", out.getvalue().rstrip() + "\n")


def field_tables(kind: str) -> str:
    """Return one table a model: field, what it takes, default, what it means."""
    schema = file_schema(kind)
    parts = [_table(f"{kind}.yaml", schema)]
    parts += [_table(_title(name), model) for name, model in sorted(schema["$defs"].items())]
    return "\n".join(parts)


def _title(name: str) -> str:
    return f"scale_out with topology: {name.removeprefix('topology_')}" if name.startswith("topology_") else name


def _table(title: str, model: dict[str, Any]) -> str:
    if "properties" not in model:
        return ""
    required = model.get("required", [])
    lines = [f"### {title}", ""]
    if model.get("description"):
        lines += [" ".join(model["description"].split()), ""]
    lines += ["| field | takes | default | meaning |", "|---|---|---|---|"]
    for name, field in model["properties"].items():
        default = "required" if name in required else _default(field)
        about = field.get("description", "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_takes(field)} | {default} | {about} |")
    return "\n".join(lines) + "\n"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return f"`{json.dumps(default)}`" if default not in (None, "", [], {}) else ""


def _takes(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return _reference(field["$ref"])
    if "anyOf" in field:
        options = [_takes(option) for option in field["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(options))
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("pattern") and field.get("examples"):
        return "such as " + ", ".join(f"`{example}`" for example in field["examples"])
    if field.get("type") == "array":
        return f"list of {_takes(field.get('items', {}))}"
    names = {"string": "text", "integer": "whole number", "boolean": "`true`, `false`", "object": "fields"}
    return names.get(str(field.get("type")), str(field.get("type", "anything"))) + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    low = f"> {field['exclusiveMinimum']}" if "exclusiveMinimum" in field else ""
    low = low or (f"≥ {field['minimum']}" if "minimum" in field else "")
    high = f"≤ {field['maximum']}" if "maximum" in field else ""
    bounds = ", ".join(bound for bound in (low, high) if bound)
    return f" {bounds}" if bounds else ""


def _reference(pointer: str) -> str:
    name = pointer.rpartition("/")[2]
    anchor = re.sub(r"[^\w\- ]", "", _title(name).lower()).replace(" ", "-")
    return f"[{_title(name)}](#{anchor})"


if __name__ == "__main__":
    for path, content in generated():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        print("wrote", path.relative_to(ROOT))
    for page in TOURS:
        (ROOT / page).write_text(toured(page), encoding="utf-8")
        print("wrote", page)
    sys.exit(0)
