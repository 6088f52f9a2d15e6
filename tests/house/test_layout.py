"""The house has these rooms and no others, and every room has its furniture."""

import tomllib

import pytest
from house import ROOT, component_folders, package_folders, shipped

ROOMS = {"pipelines", "components", "feature_repo", "manifests", "serving", "runbooks", "tests", "year"}
FILES = {"Makefile", "pyproject.toml", "uv.lock", "README.md", "ARCHITECTURE.md", "LICENSE"}
COMPONENT = ["README.md", "component.py", "Containerfile", "pyproject.toml", "uv.lock"]
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "core", "base"}


def test_top_level_holds_the_rooms_and_no_others():
    visible = {path.parts[0] for path in shipped() if not path.parts[0].startswith(".")}
    assert visible <= ROOMS | FILES
    assert visible >= FILES


@pytest.mark.parametrize("folder", component_folders(), ids=str)
def test_a_component_has_its_files(folder):
    name = folder.name
    # The contracts are a library of all the others: they have no step, hence no face and no image.
    wanted = ["pyproject.toml", "uv.lock"] if name == "contracts" else [*COMPONENT, f"windsock/{name}/__main__.py"]
    missing = [file for file in [*wanted, f"windsock/{name}/py.typed"] if not (ROOT / folder / file).is_file()]
    assert not missing
    assert list((ROOT / folder / "tests").glob("test_*.py")), "a component without tests"


@pytest.mark.parametrize("folder", package_folders(), ids=str)
def test_a_folder_is_a_distribution_of_the_shared_namespace(folder):
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"windsock-{folder.name}"
    assert not (ROOT / folder / "windsock" / "__init__.py").exists(), "the namespace is shared: no __init__ of its own"
    assert project["requires-python"] == "==3.11.*"


def test_no_file_has_a_vague_name():
    assert not [path for path in shipped() if path.stem.lower() in VAGUE]


def test_nothing_is_tracked_that_a_run_makes():
    assert not [path for path in shipped() if {".windsock", ".venv", "__pycache__"} & set(path.parts)]
