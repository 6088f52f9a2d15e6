"""A release: one immutable bundle of model, features, rules and thresholds; the registry names the one in use."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from windsock.contracts.artifact import Artifact, Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.settings import parse
from windsock.contracts.use_case_code import load_module

KIND = "release"
FILE = "release.json"
MODEL = "model.onnx"
USE_CASE = "use_case"
PRODUCTION, CANDIDATE, REFUSED = "production.json", "candidate.json", "refused"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# ONNX and plain data and the use case's reviewed source: nothing in a bundle is unpickled.
ALLOWED_SUFFIXES = (".onnx", ".json", ".py", ".toml", ".yaml", ".sql", ".pbtxt")


@dataclass(frozen=True)
class Release:
    """What `release.json` says: `answers_with` is `model` or `rules`; `columns` are the model's inputs in order.

    `promise` holds the held-out figures that production is later judged against.
    """

    name: str
    answers_with: str = field(metadata={"choices": ("model", "rules")})
    threshold: float = field(metadata={"low": 0, "high": 1})
    columns: tuple[str, ...] = ()
    as_of: str = ""
    promise: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """A verified release on disk."""

    artifact: Artifact
    release: Release

    @property
    def use_case(self) -> Path:
        """The use case's directory inside the bundle."""
        return self.artifact.path / USE_CASE

    @property
    def model(self) -> Path:
        """The ONNX file; only a release that answers with a model has one."""
        return self.artifact.path / MODEL

    @property
    def digest(self) -> str:
        """The release's name for good: `sha256:…`."""
        return self.artifact.digest


def write_bundle(directory: Path, release: Release, use_case: Path, model: Path | None = None) -> None:
    """Fills an empty directory with a bundle's files; sealing it is the caller's."""
    shutil.copytree(use_case, directory / USE_CASE, ignore=shutil.ignore_patterns("manifest.json"))
    if model is not None:
        shutil.copyfile(model, directory / MODEL)
    write_json(directory / FILE, asdict(release))


def open_bundle(directory: Path) -> Bundle:
    """Opens a release, every digest checked before a file is read, and refuses what could run code on load.

    Raises:
        InputError: a byte differs from the manifest, a file is of another kind, or `release.json` contradicts it.
    """
    artifact = open_artifact(directory, KIND)
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.suffix not in ALLOWED_SUFFIXES:
            raise InputError("release file", path.relative_to(directory).as_posix(), f"one of {ALLOWED_SUFFIXES}")
    release = parse(Release, read_json(directory / FILE, FILE), "release")
    if (release.answers_with == "model") != (directory / MODEL).is_file():
        raise InputError("release.answers_with", release.answers_with, f"`model` exactly when there is a {MODEL}")
    return Bundle(artifact, release)


def rules_release(use_case: Artifact, threshold: float, store: Path) -> Bundle:
    """The release of day zero, before any model: the rules alone. The same use case gives the same bundle."""
    target = store / f"rules-{use_case.digest.removeprefix('sha256:')}"
    if not target.exists():
        origin = Origin(step="rules_release", inputs={"use_case": use_case.digest})
        with new_artifact(target, KIND, origin) as directory:
            write_bundle(directory, Release("rules", "rules", threshold), use_case.path)
    return open_bundle(target)


def load_use_case_module(bundle: Bundle, name: str) -> Any:
    """Imports `derive` or `fallback` of a bundle, under a name that no other release shares."""
    unique = f"windsock_release_{bundle.digest.removeprefix('sha256:')[:16]}_{name}"
    return load_module(bundle.use_case / f"{name}.py", unique)


class Registry:
    """Releases by digest in a directory, the name of the one in production, and of the one that waits to be tried."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _place(self, digest: object) -> Path:
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise InputError("release digest", digest, "sha256: and 64 hexadecimal digits")
        return self.root / digest.removeprefix("sha256:")

    def add(self, bundle: Bundle) -> Bundle:
        """Keeps a copy of a release under its digest; one that is there already stays as it is."""
        target = self._place(bundle.digest)
        if not target.exists():
            partial = target.with_name(f".{target.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(bundle.artifact.path, partial)
            partial.rename(target)
        return open_bundle(target)

    def get(self, digest: str) -> Bundle:
        """A registered release, verified."""
        bundle = open_bundle(self._place(digest))
        if bundle.digest != digest:
            raise InputError("release digest", bundle.digest, f"{digest}, under which it is registered")
        return bundle

    def promote(self, digest: str, facts: Mapping[str, str]) -> None:
        """Names the release in production; `facts` say why, such as the run. Which one it follows is kept beside it."""
        self.get(digest)
        named = self._named(PRODUCTION)
        if named.get("digest") != digest:
            before = str(named.get("digest", ""))
            write_json(self.root / PRODUCTION, {"previous": before, **facts, "digest": digest})
        self._no_candidate(digest)

    def propose(self, digest: str, facts: Mapping[str, str]) -> None:
        """Names the newest release that is to be tried; one that was refused before may be tried again so."""
        self.get(digest)
        write_json(self.root / CANDIDATE, {**facts, "digest": digest})

    def refuse(self, digest: str, facts: Mapping[str, str]) -> None:
        """Notes that a release was tried and taken off again; `facts` say why. It stays registered under its digest."""
        self.get(digest)
        write_json(self.root / REFUSED / f"{digest.removeprefix('sha256:')}.json", {**facts, "digest": digest})
        self._no_candidate(digest)

    def refused(self, digest: str) -> Mapping[str, str] | None:
        """Why a release was taken off, or None if it never was."""
        path = self.root / REFUSED / f"{self._place(digest).name}.json"
        return dict(read_json(path, "refused release")) if path.exists() else None

    def candidate(self) -> Bundle | None:
        """The release that waits to be tried, or None."""
        named = self._named(CANDIDATE)
        return self.get(named["digest"]) if named else None

    def previous(self) -> Bundle | None:
        """The release that was in production before this one, or None."""
        digest = self._named(PRODUCTION).get("previous", "")
        return self.get(digest) if digest else None

    def _named(self, pointer: str) -> Mapping[str, str]:
        """What a pointer says, or nothing before the first one."""
        path = self.root / pointer
        if not path.exists():
            return {}
        what = f"{path.stem} pointer"
        named = read_json(path, what)
        if not isinstance(named, dict) or "digest" not in named:
            raise InputError(what, named, "an object with `digest`")
        return named

    def _no_candidate(self, digest: str) -> None:
        """A release that was promoted or refused waits no more."""
        if self._named(CANDIDATE).get("digest") == digest:
            (self.root / CANDIDATE).unlink()

    def production(self) -> Bundle | None:
        """The release in production, or None before the first one."""
        named = self._named(PRODUCTION)
        return self.get(named["digest"]) if named else None
