"""Artifacts: directories that are written once, named by their bytes, and checked whenever they are opened."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.files import new_directory, read_json, write_json

MANIFEST = "manifest.json"
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Origin:
    """Where an artifact comes from: the step and all that went into it.

    `inputs` maps an input's name to its digest; `image`, `code` and `lock` name the program by content.
    """

    step: str
    as_of: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    image: str = ""
    code: str = ""
    lock: str = ""


@dataclass(frozen=True)
class Artifact:
    """A verified artifact: its directory, its kind, its digest (`sha256:…`) and its origin."""

    path: Path
    kind: str
    digest: str
    origin: Origin
    details: Mapping[str, Any] = field(default_factory=dict)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def list_files(directory: Path) -> dict[str, str]:
    """Maps each file below a directory (POSIX path, sorted) to its SHA-256; the manifest itself is left out.

    Raises:
        InputError: something below the directory is neither a plain file nor a directory, such as a link.
    """
    files = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise InputError(f"artifact file {name}", stat.filemode(mode), "a plain file")
        if name != MANIFEST:
            files[name] = file_digest(path)
    return files


def content_digest(files: Mapping[str, str]) -> str:
    """The digest of an artifact: SHA-256 over its sorted file names and their digests, a line each.

    Raises:
        InputError: a file's name leads outside the artifact, or could be taken for more than one line.
    """
    listing = "".join(f"{digest}  {_checked_name(name)}\n" for name, digest in sorted(files.items()))
    return "sha256:" + hashlib.sha256(listing.encode()).hexdigest()


def seal(directory: Path, kind: str, origin: Origin, details: Mapping[str, Any] | None = None) -> Artifact:
    """Writes the manifest of a directory that is complete, and returns the artifact that it now is."""
    files = list_files(directory)
    if not files:
        raise InputError(f"artifact {kind}", "an empty directory", "at least one file")
    digest = content_digest(files)
    manifest = {"kind": kind, "digest": digest, "files": files, "details": dict(details or {}), **asdict(origin)}
    write_json(directory / MANIFEST, manifest)
    return Artifact(directory, kind, digest, origin, dict(details or {}))


@contextmanager
def new_artifact(path: Path, kind: str, origin: Origin, details: dict[str, Any] | None = None) -> Iterator[Path]:
    """Gives an empty directory to fill; it becomes a sealed artifact at `path`, or nothing at all.

    `details` may be filled inside the block: facts about the artifact that are no part of its bytes.
    """
    details = {} if details is None else details
    with new_directory(path) as directory:
        yield directory
        seal(directory, kind, origin, details)


def keep_artifact(store: Path, kind: str, origin: Origin, fill: Callable[[Path], None]) -> Artifact:
    """Makes an artifact and keeps it below `store` under its digest; the same content is kept once."""
    partial = store / f".keeping-{kind}-{os.getpid()}-{os.urandom(4).hex()}"
    with new_artifact(partial, kind, origin) as directory:
        fill(directory)
    final = store / str(_read_manifest(partial)["digest"]).removeprefix("sha256:")
    try:
        partial.rename(final)
    except OSError:
        # A directory that is there already is not replaced.
        shutil.rmtree(partial)
        if not final.is_dir():
            raise
    return open_artifact(final, kind)


def _checked_name(name: object) -> str:
    """A file's name in a manifest stays inside the artifact: relative, no `..`, no backslash."""
    if not isinstance(name, str) or not name or "\\" in name or not name.isprintable():
        raise InputError("manifest file name", name, "a relative POSIX path of printable characters")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise InputError("manifest file name", name, "a path inside the artifact")
    return name


def _read_manifest(directory: Path) -> dict[str, Any]:
    manifest = read_json(directory / MANIFEST, f"manifest of {directory.name}")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise InputError(f"manifest of {directory.name}", type(manifest).__name__, "an object with `files`")
    for name in ("kind", "digest", "step"):
        if not isinstance(manifest.get(name), str):
            raise InputError(f"{name} of {directory.name}", manifest.get(name), "a text in the manifest")
    for name in manifest["files"]:
        _checked_name(name)
    return manifest


def open_artifact(directory: Path, kind: str | None = None) -> Artifact:
    """Opens an artifact and proves that every byte is the one that was sealed.

    Raises:
        InputError: the manifest is missing or broken, a file was added, lost or changed, or the kind is another one.
    """
    manifest = _read_manifest(directory)
    found = list_files(directory)
    expected: dict[str, str] = manifest["files"]
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            state = "missing" if name not in found else "not in the manifest" if name not in expected else "changed"
            raise InputError(f"artifact {directory.name}/{name}", state, "the bytes that the manifest names")
    if manifest.get("digest") != content_digest(found):
        raise InputError(f"digest of {directory.name}", manifest.get("digest"), content_digest(found))
    if kind is not None and manifest.get("kind") != kind:
        raise InputError(f"kind of {directory.name}", manifest.get("kind"), f"{kind!r}")
    origin = Origin(**{name: manifest[name] for name in Origin.__dataclass_fields__ if name in manifest})
    return Artifact(directory, manifest["kind"], manifest["digest"], origin, manifest.get("details", {}))
