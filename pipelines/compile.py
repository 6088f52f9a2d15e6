"""Compiles the pipelines to YAML, every image named by its content; `--check` only says whether the YAML is fresh."""

import argparse
import re
import sys
import tempfile
from pathlib import Path

from kfp import compiler
from windsock.contracts.files import write_text

from pipelines.images import component_image
from pipelines.materialization import materialization
from pipelines.training import training

COMPILED = Path(__file__).parent / "compiled"
PIPELINES = {"training": training, "materialization": materialization}


def compile_pipeline(name: str) -> str:
    """The YAML of one pipeline: the same bytes for the same sources."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{name}.yaml"
        compiler.Compiler().compile(PIPELINES[name], str(path))
        text = path.read_text(encoding="utf-8")
    return re.sub(
        r"(?<=image: )windsock/([a-z_]+)$", lambda found: component_image(found[1]).reference, text, flags=re.M
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compiles the pipelines into pipelines/compiled.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a compiled pipeline is stale")
    check = parser.parse_args().check
    stale = []
    for name in PIPELINES:
        path, text = COMPILED / f"{name}.yaml", compile_pipeline(name)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            write_text(path, text)
    if check and stale:
        print(f"compiled pipelines are stale: {', '.join(stale)}; run `make compile`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
