"""Words that must not be where they are: the use case's in platform code, leftovers, and this machine's."""

import ast
import re
import tomllib

import pytest
from house import ROOT, python_files, shipped, tree

PLATFORM = ("components", "pipelines", "serving")
# Words that the flights use case shares with the platform: they mean nothing of flights.
SHARED = {"label", "status", "request", "number", "origin", "route"}
LEFTOVERS = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
MACHINE = re.compile(r"(?<![\w.$}{/])/(?:work|root|home)/|files\.pythonhosted\.org(?!.*sha256)")


def use_case_words() -> set[str]:
    """Every word of the use case's tables, fields and views, and what people call its things."""
    settings = tomllib.loads((ROOT / "feature_repo" / "use_case.toml").read_text(encoding="utf-8"))
    names = [*settings["tables"], *settings["request"]["fields"], *settings["views"], settings["label"]["column"]]
    words = {word for name in names for word in name.split("_")}
    generic = {"at", "on", "not", "time", "record", "observed", "previous", "scheduled", "outcomes"}
    return ({word for word in words if len(word) > 3} - generic - SHARED) | {"airline", "airport", "airplane", "flight"}


def identifiers(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


@pytest.mark.parametrize("path", [path for path in python_files(False) if path.parts[0] in PLATFORM], ids=str)
def test_platform_code_knows_no_use_case(path):
    forbidden = re.compile(
        "|".join(rf"(?<![a-z]){word}s?(?![a-z])" for word in sorted(use_case_words())), re.IGNORECASE
    )
    # Docstrings may give an example; what runs may not know one.
    documents = {ast.get_docstring(node, clean=False) for node in ast.walk(tree(path)) if hasattr(node, "body") and
                 isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}  # fmt: skip
    found = {text for text in identifiers(path) if text not in documents and forbidden.search(text)}
    assert found == set()


@pytest.mark.parametrize("path", python_files(with_tests=False), ids=str)
def test_nothing_is_left_for_later(path):
    assert LEFTOVERS.findall((ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_no_exception_is_swallowed(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            assert not (broad and all(isinstance(line, ast.Pass) for line in node.body)), f"{path}:{node.lineno}"


def test_no_file_names_a_place_of_one_machine():
    named = {}
    for path in shipped():
        if path.suffix in {".lock", ".png", ".parquet", ".onnx"} or path.name == "test_words.py":
            continue
        found = MACHINE.findall((ROOT / path).read_text(encoding="utf-8", errors="replace"))
        if found:
            named[path] = found
    assert named == {}
