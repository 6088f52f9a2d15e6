"""Compiles the pipelines to YAML, every image named by its content; `--check` only says whether the YAML is fresh."""

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kfp import compiler
from windsock.contracts.files import write_text

from pipelines.images import REGISTRY, REPOSITORY, TAG_CHARACTERS, folder_image, image_folders
from pipelines.launch import launch
from pipelines.materialization import materialization
from pipelines.monitoring import monitoring
from pipelines.training import training
from pipelines.validation import validation
from pipelines.workspace import COMPILED

IMAGES = REPOSITORY / "manifests" / "images" / "kustomization.yaml"
PIPELINES = {
    "validation": validation,
    "training": training,
    "materialization": materialization,
    "monitoring": monitoring,
}
# Compiled last: it names the image that has the others in it.
LAUNCHES = {"launch": launch}


def compile_pipeline(name: str) -> str:
    """The YAML of one pipeline: the same bytes for the same sources."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{name}.yaml"
        compiler.Compiler().compile((PIPELINES | LAUNCHES)[name], str(path))
        text = path.read_text(encoding="utf-8")
    return re.sub(r"(?<=image: )windsock/([a-z_]+)$", lambda found: folder_image(found[1]).reference, text, flags=re.M)


def image_tags() -> str:
    """A kustomize component that gives every image of ours in the manifests the tag of its content."""
    lines = ["# Written by `make compile`: every image by its content.", "apiVersion: kustomize.config.k8s.io/v1alpha1"]
    lines += ["kind: Component", "configurations: [fields.yaml]", "images:"]
    for name in image_folders():
        lines.append(f"  - {{name: {REGISTRY}/{name}, newTag: {folder_image(name, REGISTRY).code[:TAG_CHARACTERS]}}}")
    return "\n".join(lines) + "\n"


def refresh(wanted: Mapping[Path, str], write: bool) -> list[str]:
    """The files that do not say what they should; `write` puts that right."""
    stale = []
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(REPOSITORY)))
        if write:
            write_text(path, text)
    return stale


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compiles the pipelines into pipelines/compiled.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a compiled pipeline is stale")
    check = parser.parse_args().check
    stale = refresh({COMPILED / f"{name}.yaml": compile_pipeline(name) for name in PIPELINES}, not check)
    after = {COMPILED / f"{name}.yaml": compile_pipeline(name) for name in LAUNCHES} | {IMAGES: image_tags()}
    stale += refresh(after, not check)
    if check and stale:
        print(f"compiled pipelines are stale: {', '.join(stale)}; run `make compile`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
