"""Who may import whom."""

import ast
import sys

import pytest
from house import ROOT, component_folders, imports, package_folders, python_files, tree

# Large, old or hard to replace: one file of a package imports such a library, and the rest of it asks that file.
BEHIND_ONE_DOOR = {
    "tensorflow_data_validation", "tensorflow_metadata", "tensorflow", "feast", "mlflow", "sklearn", "skl2onnx", "onnx",
    "onnxruntime", "duckdb", "alibi_detect", "kubernetes", "minio", "skops", "redis", "kserve",
}  # fmt: skip


def top(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize(
    "path", [path for path in python_files(with_tests=False) if "contracts" in path.parts], ids=str
)
def test_contracts_use_the_standard_library_only(path):
    foreign = {name for name in imports(path) if top(name) not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("windsock.contracts")} == set()


@pytest.mark.parametrize("folder", [folder for folder in component_folders() if folder.name != "contracts"], ids=str)
def test_a_face_imports_kfp_only(folder):
    assert {top(name) for name in imports(folder / "component.py")} == {"kfp"}


@pytest.mark.parametrize("folder", [folder for folder in component_folders() if folder.name != "contracts"], ids=str)
def test_a_face_is_thin(folder):
    steps = [node for node in tree(folder / "component.py").body if isinstance(node, ast.FunctionDef)]
    assert steps
    assert not [step.name for step in steps if (step.end_lineno or 0) - step.lineno + 1 > 30]


@pytest.mark.parametrize("folder", package_folders(), ids=str)
def test_a_package_imports_its_own_and_the_contracts_and_never_kfp(folder):
    own = f"windsock.{folder.name}"
    for path in python_files(with_tests=False):
        if not path.is_relative_to(folder / "windsock"):
            continue
        assert "kfp" not in {top(name) for name in imports(path)}, path
        ours = {name for name in imports(path) if name.startswith("windsock.")}
        assert {name for name in ours if not name.startswith((own, "windsock.contracts"))} == set(), path


@pytest.mark.parametrize("folder", package_folders(), ids=str)
def test_one_file_is_the_only_door_to_a_library(folder):
    doors: dict[str, set[str]] = {}
    for path in python_files(with_tests=False):
        if path.is_relative_to(folder / "windsock"):
            for library in {top(name) for name in imports(path)} & BEHIND_ONE_DOOR:
                doors.setdefault(library, set()).add(path.name)
    assert {library: files for library, files in doors.items() if len(files) > 1} == {}


def test_a_use_case_runs_without_a_library_where_it_serves():
    for name in ("derive.py", "fallback.py"):
        path = next(path for path in python_files() if path.parts == ("feature_repo", name))
        assert {top(module) for module in imports(path)} <= sys.stdlib_module_names


def test_the_pipelines_reach_the_components_by_their_faces_only():
    for path in python_files(with_tests=False):
        if path.parts[0] == "pipelines":
            names = imports(path)
            assert not {name for name in names if name.startswith("components.") and not name.endswith(".component")}
            assert not {
                name for name in names if name.startswith("windsock.") and not name.startswith("windsock.contracts")
            }
    assert (ROOT / "pipelines").is_dir()


def test_no_step_reads_parquet_by_a_scanner():
    # Threads of Arrow's scanner may still live as the process ends, and abort it then (apache/arrow 34314).
    readers = [path for path in python_files(with_tests=False) if "components" in path.parts]
    calls = [(path, node) for path in readers for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    names = [(path, node.func.attr) for path, node in calls if isinstance(node.func, ast.Attribute)]
    assert [path for path, name in names if name in {"read_table"}] == []
