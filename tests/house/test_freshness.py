"""Lock files and compiled pipelines are those of the sources beside them, and every version is pinned."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from house import ROOT, shipped

PROJECTS = [path for path in shipped() if path.name == "pyproject.toml" and "other_use_case" not in path.parts]
UV = Path(os.environ.get("WINDSOCK_HOME", ROOT / ".windsock")) / "tools" / "bin" / "uv"


@pytest.mark.parametrize("path", PROJECTS, ids=str)
def test_a_lock_is_fresh(path):
    command = [str(UV), "lock", "--check", "--quiet", "--project", str(ROOT / path.parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"run `make lock`: {result.stderr}"


@pytest.mark.parametrize("path", PROJECTS, ids=str)
def test_every_dependency_is_pinned(path):
    settings = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
    groups = settings.get("dependency-groups", {})
    wanted = [*settings["project"].get("dependencies", []), *(name for group in groups.values() for name in group)]
    wanted += settings.get("build-system", {}).get("requires", [])
    loose = [name for name in wanted if "==" not in name and not re.match(r"windsock-", name)]
    assert loose == []


def test_compiled_pipelines_are_fresh():
    python = ROOT / "pipelines" / ".venv" / "bin" / "python"
    command = [str(python), "-m", "pipelines.compile", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
