"""The documentation says what the program does: generated parts are current, tours run, links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from weft.drift import RULES
from weft.export.configs.frr import frr_conf
from weft.fabric import build_fabric, load_cluster
from weft.underlay import build_underlay

REMEDY = "run: python docs/build.py"


@pytest.fixture(scope="session")
def build(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", root / "docs" / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_current(build: ModuleType) -> None:
    for path, content in build.generated():
        if path.suffix != ".json":  # the schemas have a test of their own
            assert path.read_text(encoding="utf-8") == content, f"{path.name} is behind; {REMEDY}"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/validation.md",
        "docs/fluid.md",
        "docs/packet.md",
        "docs/packet-fabric.md",
        "docs/explain.md",
        "docs/calibration.md",
        "docs/export.md",
    ],
)
def test_tours_print_what_they_say(build: ModuleType, root: Path, page: str) -> None:
    text = (root / page).read_text(encoding="utf-8")
    assert build.toured(page) == text, f"{page} is behind; {REMEDY}"
    assert max(map(len, text.splitlines())) <= 200


def test_the_readme_gives_the_two_commands_and_ci_runs_them(root: Path) -> None:
    commands = re.findall(r"^python3 -m venv .*$", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    assert "weft simulate examples/llama3-405b/cluster.yaml examples/llama3-405b/job.yaml" in commands[0]
    assert commands[1].endswith("-m pytest")
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    for pattern in re.findall(r"readme_command '([^']*)'", script.read_text(encoding="utf-8")):
        assert sum(bool(re.search(pattern, command)) for command in commands) == 1


def test_python_in_the_readme_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "MFU" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["packet", "packet-fabric"])
def test_python_of_the_packet_engine_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    monkeypatch.chdir(root)
    blocks = re.findall(r"```python\n(.*?)```", (root / f"docs/{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, f"{page}.md", "exec"), {})
    assert "flow_samples" not in capsys.readouterr().out


def test_python_of_the_exports_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(root / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (root / "docs/export.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "export.md", "exec"), {})
    assert (tmp_path / "out" / "leaf0" / "config_db.json").is_file()


def test_the_configuration_and_the_rules_in_the_export_page_are_the_programs(root: Path) -> None:
    text = (root / "docs" / "export.md").read_text(encoding="utf-8")
    underlay = build_underlay(build_fabric(load_cluster(root / "examples/lab/leaf-spine/cluster.yaml")))
    assert f"```frr\n{frr_conf(underlay, underlay.device('leaf0'))}```" in text
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", text, re.MULTILINE)) == RULES


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    assert len(pages) > 5
    broken = []
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert broken == []
