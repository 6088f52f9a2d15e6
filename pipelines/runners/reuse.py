"""Reuse of results by content: same program, same parameters, same input bytes, then the same outputs.

Only steps whose caching is on in the compiled pipeline are asked about; a kept result is checked byte by byte before it
is believed, and one that fails the check is thrown away.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import MANIFEST, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import new_directory, read_json, write_json
from windsock.contracts.step import local_path

EXECUTOR_OUTPUT = "executor_output.json"
TASK_ROOT = "task_root.json"


def reuse_key(code: str, step: str, executor_input: Mapping[str, Any]) -> str | None:
    """The name of a result by all that goes into it; None where an input is not an artifact and may change under us."""
    inputs = executor_input.get("inputs", {})
    digests = _digests(inputs)
    if digests.keys() != inputs.get("artifacts", {}).keys():
        return None
    content = {"code": code, "step": step, "parameters": inputs.get("parameterValues", {}), "inputs": digests}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digests(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The digest of every input that is an artifact of ours."""
    places = {name: local_path(given["artifacts"][0]["uri"]) for name, given in inputs.get("artifacts", {}).items()}
    return {
        name: read_json(place / MANIFEST, f"manifest of {name}")["digest"]
        for name, place in places.items()
        if (place / MANIFEST).is_file()
    }


def keep(store: Path, key: str, task_root: Path) -> None:
    """Keeps a finished task's outputs under their key. The files are linked, not copied: artifacts never change."""
    if (store / key).exists():
        return
    with new_directory(store / key) as directory:
        kept = shutil.ignore_patterns("log.txt")
        shutil.copytree(task_root, directory, copy_function=os.link, dirs_exist_ok=True, ignore=kept)
        write_json(directory / TASK_ROOT, str(task_root))


def restore(store: Path, key: str, task_root: Path) -> bool:
    """Puts kept outputs at a new task's place; returns False when there are none that hold."""
    kept = store / key
    if not kept.is_dir():
        return False
    try:
        _take(kept, read_json(kept / TASK_ROOT, "kept task root"), task_root)
    except InputError:
        shutil.rmtree(kept)
        return False
    return True


def follow(run: Path, code: str, step: str, executor_input: Mapping[str, Any], task_root: Path) -> bool:
    """Puts what a step made in an earlier run at a new task's place, if that was the same step on the same inputs.

    Its artifacts say so themselves: the program, the parameters, and the digest of every input that has one. A landing
    zone has none; days that lie there stay as they are, so that the same time gives the same rows.
    """
    kept = run / step.replace("_", "-")
    names = executor_input.get("outputs", {}).get("artifacts", {})
    manifests = [read_json(path, "manifest") for name in names if (path := kept / name / MANIFEST).is_file()]
    if not manifests or not (kept / EXECUTOR_OUTPUT).is_file():
        return False
    inputs = executor_input.get("inputs", {})
    parameters = inputs.get("parameterValues", {})
    wanted = {"step": step, "code": code, "parameters": parameters, "inputs": _digests(inputs)}
    if any({name: made[name] for name in wanted} != wanted for made in manifests):
        return False
    _take(kept, str(kept), task_root)
    return True


def _take(kept: Path, old_root: str, task_root: Path) -> None:
    """Links what is kept to a new place, once its bytes were checked.

    Raises:
        InputError: it is not what its manifests say.
    """
    for manifest in kept.glob(f"*/{MANIFEST}"):
        open_artifact(manifest.parent)
    output = json.dumps(read_json(kept / EXECUTOR_OUTPUT, "kept executor output"))
    task_root.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns(EXECUTOR_OUTPUT, TASK_ROOT, "log.txt")
    shutil.copytree(kept, task_root, copy_function=os.link, dirs_exist_ok=True, ignore=ignored)
    write_json(task_root / EXECUTOR_OUTPUT, json.loads(output.replace(old_root, str(task_root))))
