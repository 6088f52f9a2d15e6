"""Small functions, small files."""

import ast

from house import ROOT, python_files, shipped, tree

FILE_LINES = 400
FUNCTION_LINES = 70
RULE_LINES = 35
SHARE_OVER_RULE = 0.05


def functions():
    for path in python_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_file_is_long():
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {path: lines for path, lines in sizes.items() if lines > FILE_LINES} == {}


def test_no_function_is_long():
    assert {name: lines for name, lines in functions() if lines > FUNCTION_LINES} == {}


def test_functions_are_short_as_a_rule():
    lengths = [lines for _, lines in functions()]
    over = sum(lines > RULE_LINES for lines in lengths)
    assert over / len(lengths) <= SHARE_OVER_RULE, (
        f"{over} of {len(lengths)} functions are longer than {RULE_LINES} lines"
    )


def test_no_large_file_is_shipped():
    assert not [path for path in shipped() if (ROOT / path).stat().st_size > 2_000_000]
