"""The use case's own code: packed into an artifact, and loaded from a verified one."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from windsock.contracts.artifact import Artifact, Origin, keep_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import FILE, load_use_case

KIND = "use_case"
# What steps and servers need. The upstream feed (`source.py`), tests and documents stay behind: they change no result.
PACKED = (
    FILE,
    "feature_store.yaml",
    "features.py",
    "schema.pbtxt",
    "labels.sql",
    "derive.py",
    "estimator.py",
    "fallback.py",
    "rules/*.sql",
    "views/*.sql",
)


def pack_use_case(feature_repo: Path, store: Path) -> Artifact:
    """Copies the use case into `store` under its digest, as an artifact; the same content is packed once.

    Raises:
        InputError: a part is missing, or the settings do not load.
    """
    load_use_case(feature_repo)

    def fill(directory: Path) -> None:
        for pattern in PACKED:
            found = sorted(feature_repo.glob(pattern))
            if not found:
                raise InputError("use case", str(feature_repo), f"a directory with {pattern}")
            for path in found:
                target = directory / path.relative_to(feature_repo)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())

    return keep_artifact(store, KIND, Origin(step="pack_use_case"), fill)


def load_module(path: Path, name: str) -> ModuleType:
    """Imports one Python file of a verified artifact under a name of its own, and writes no bytecode beside it.

    Raises:
        InputError: the file is missing or does not import.
    """
    if not path.is_file():
        raise InputError(f"use case code {name}", str(path), "a Python file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"use case code {name}", str(path), "a Python file")
    module = importlib.util.module_from_spec(spec)
    wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise InputError(f"use case code {name}", str(path), f"a module that imports ({error})") from error
    finally:
        sys.dont_write_bytecode = wrote_bytecode
    return module
