"""The first model, never retrained: every later release carries it, so that the gain of retraining can be shown."""

import shutil
from dataclasses import asdict
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.release import FILE, MODEL, Bundle, Release
from windsock.contracts.settings import parse
from windsock.model.layout import DERIVE, FIRST


def keep(bundle: Bundle, directory: Path) -> None:
    """Keeps production's first model for the release that may follow; without one, production is the first itself."""
    kept, target = bundle.artifact.path / FIRST, directory / FIRST
    if kept.is_dir():
        shutil.copytree(kept, target)
    elif bundle.release.answers_with == "model":
        target.mkdir()
        shutil.copyfile(bundle.model, target / MODEL)
        shutil.copyfile(bundle.use_case / DERIVE, target / DERIVE)
        write_json(target / FILE, asdict(bundle.release))


def hand_on(verdict: Path, directory: Path) -> None:
    """Puts the first model that evaluation kept into a new bundle; before the second model there is none."""
    if (verdict / FIRST).is_dir():
        shutil.copytree(verdict / FIRST, directory / FIRST)


def read(bundle: Bundle) -> tuple[Release, Path] | None:
    """The first model's release and its directory; None where production is the first model, or answers by rules.

    Raises:
        InputError: it is incomplete.
    """
    kept = bundle.artifact.path / FIRST
    if not kept.is_dir():
        return None
    for name in (MODEL, DERIVE):
        if not (kept / name).is_file():
            raise InputError("first model", name, "a file of production's release")
    return parse(Release, read_json(kept / FILE, FILE), FIRST), kept
