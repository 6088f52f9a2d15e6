"""Compiles the pipelines to YAML, every image named by its content; `--check` only says whether the YAML is fresh."""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from kfp import compiler
from windsock.contracts.files import write_text

from pipelines.images import REGISTRY, REPOSITORY, TAG_CHARACTERS, folder_image, image_folders
from pipelines.materialization import materialization
from pipelines.training import training

COMPILED = Path(__file__).parent / "compiled"
IMAGES = REPOSITORY / "manifests" / "images" / "kustomization.yaml"
PIPELINES = {"training": training, "materialization": materialization}


def compile_pipeline(name: str) -> str:
    """The YAML of one pipeline: the same bytes for the same sources."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{name}.yaml"
        compiler.Compiler().compile(PIPELINES[name], str(path))
        text = path.read_text(encoding="utf-8")
    return re.sub(r"(?<=image: )windsock/([a-z_]+)$", lambda found: folder_image(found[1]).reference, text, flags=re.M)


def image_tags() -> str:
    """A kustomize component that gives every image of ours in the manifests the tag of its content."""
    lines = ["# Written by `make compile`: every image by its content.", "apiVersion: kustomize.config.k8s.io/v1alpha1"]
    lines += ["kind: Component", "configurations: [fields.yaml]", "images:"]
    for name in image_folders():
        lines.append(f"  - {{name: {REGISTRY}/{name}, newTag: {folder_image(name, REGISTRY).code[:TAG_CHARACTERS]}}}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compiles the pipelines into pipelines/compiled.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a compiled pipeline is stale")
    check = parser.parse_args().check
    stale = []
    wanted = {COMPILED / f"{name}.yaml": compile_pipeline(name) for name in PIPELINES} | {IMAGES: image_tags()}
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(REPOSITORY)))
        if not check:
            write_text(path, text)
    if check and stale:
        print(f"compiled pipelines are stale: {', '.join(stale)}; run `make compile`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
