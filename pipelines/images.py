"""Image references by content: the tag is the hash of all that an image is built from; no tag is ever other code."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
REGISTRY = "ghcr.io/windsock"
TAG_CHARACTERS = 16
# What a Containerfile copies; documents and tests change no image.
PARTS = ("pyproject.toml", "uv.lock", "Containerfile", "windsock/**/*")
# The image that starts runs has the pipelines in it. It leaves out the one that names this very image.
OWN_PARTS = ("*.py", "runners/*.py", "compiled/*.yaml")
LAUNCH = "launch.yaml"


@dataclass(frozen=True)
class Image:
    """One folder's image: its reference with the content's hash, and the digest of its lock file."""

    folder: Path
    reference: str
    code: str
    lock: str


def _files(folder: Path) -> list[Path]:
    parts = PARTS + OWN_PARTS if folder.name == "pipelines" else PARTS
    found = {path for pattern in parts for path in folder.glob(pattern) if path.is_file() and path.name != LAUNCH}
    return sorted(path for path in found if "__pycache__" not in path.parts)


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and bytes of all that goes into a folder's image, the contracts with it."""
    digest = hashlib.sha256()
    for root in (folder, REPOSITORY / "components" / "contracts"):
        for path in _files(root):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{content}  {root.name}/{path.relative_to(root).as_posix()}\n".encode())
    return digest.hexdigest()


def image_folders() -> dict[str, Path]:
    """Every folder that an image is made of, by the image's name."""
    rooms = ("components/*", "pipelines", "serving/*")
    files = sorted(path for room in rooms for path in REPOSITORY.glob(f"{room}/Containerfile"))
    return {path.parent.name: path.parent for path in files}


def folder_image(name: str, registry: str | None = None) -> Image:
    """The image of a folder of `components/` or `serving/`; `WINDSOCK_REGISTRY` may name another registry."""
    folder = image_folders().get(name)
    if folder is None:
        raise FileNotFoundError(f"image windsock/{name}: no folder of components/ or serving/ has its Containerfile")
    code = folder_hash(folder)
    registry = registry or os.environ.get("WINDSOCK_REGISTRY", REGISTRY)
    lock = hashlib.sha256((folder / "uv.lock").read_bytes()).hexdigest()
    return Image(folder, f"{registry}/{name}:{code[:TAG_CHARACTERS]}", code, lock)
