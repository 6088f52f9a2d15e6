"""What the house rules look at: the files that git would ship, and their syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "tests"


@cache
def shipped() -> tuple[Path, ...]:
    """Every file that git tracks or would add, relative to the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(sorted(Path(name) for name in names if name and (ROOT / name).is_file()))


def is_test(path: Path) -> bool:
    return TESTS in path.parts


def python_files(with_tests: bool = True) -> list[Path]:
    """The Python files, with or without those below a `tests` folder."""
    return [path for path in shipped() if path.suffix == ".py" and (with_tests or not is_test(path))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> set[str]:
    """The full names of all modules that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def component_folders() -> list[Path]:
    return sorted(
        {Path(*path.parts[:2]) for path in shipped() if path.parts[0] == "components" and len(path.parts) > 2}
    )


def package_folders() -> list[Path]:
    """Every folder that is an environment with a `windsock` package in it."""
    return sorted(
        path.parent
        for path in shipped()
        if path.name == "pyproject.toml" and (ROOT / path.parent / "windsock").is_dir()
    )
