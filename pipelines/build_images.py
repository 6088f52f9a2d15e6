"""Builds the image of every folder with the builder that is there: `python -m pipelines.build_images`.

A tag is the hash of what goes into the image, so one that the builder has already is not built again. The packages in
it are listed beside it (CycloneDX), and sizes are reported. `BUILD_OPTIONS` and `PUSH_OPTIONS` go to the builder.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError

from pipelines.images import REPOSITORY, Image, folder_image, image_folders
from pipelines.workspace import Workspace

BUILDERS = ("docker", "podman", "buildah")
STANDARD_ERROR = 2
LOOPBACK = ("localhost", "127.0.0.1")
# A builder packs and unpacks on one processor, and waits for the disk in between.
AT_ONCE = 2


@dataclass(frozen=True)
class Builder:
    """A program that builds and pushes images; the three speak nearly the same language."""

    name: str

    @classmethod
    def found(cls) -> "Builder":
        """The first of `BUILDERS` that is installed and works, or the one that `BUILDER` names."""
        wanted = (os.environ["BUILDER"],) if os.environ.get("BUILDER") else BUILDERS
        for name in wanted:
            # A docker without its daemon is installed and does not work.
            if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
                return cls(name)
        raise InputError("image builder", None, f"a working {', '.join(wanted)} on the PATH")

    def _run(self, *arguments: str) -> None:
        subprocess.run([self.name, *arguments], check=True, stdout=STANDARD_ERROR)

    def size(self, reference: str) -> str:
        """The size of an image that it has, as a person reads it; empty for one that it has not."""
        command = [self.name, "images", "--format", "{{.Size}}", reference]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip().splitlines()[0] if found.returncode == 0 and found.stdout.strip() else ""

    def build(self, image: Image, base: str) -> None:
        """Builds an image out of its folder's Containerfile; the context is the repository."""
        given = {"IMAGE": image.reference, "CODE": image.code, "LOCK": image.lock}
        if base:
            given["BASE_IMAGE"] = base
        values = [part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")]
        verb = "bud" if self.name == "buildah" else "build"
        options = shlex.split(os.environ.get("BUILD_OPTIONS", ""))
        file = str(image.folder / "Containerfile")
        self._run(verb, "--quiet", *options, *values, "--tag", image.reference, "--file", file, str(REPOSITORY))

    def prune(self, reference: str) -> None:
        """Removes what it has under the same name with another tag: the same folder with other contents."""
        name = reference.rpartition(":")[0]
        written = "{{.Name}}:{{.Tag}}" if self.name == "buildah" else "{{.Repository}}:{{.Tag}}"
        command = [self.name, "images", "--filter", f"reference={name}", "--format", written]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        others = [one for one in found if one.rpartition(":")[0] == name and one != reference]
        if others:
            self._run("rmi", *others)

    def push(self, reference: str, registry: str) -> None:
        """Pushes an image under another registry's name, or its own where `registry` is that."""
        target = f"{registry}/{reference.rpartition('/')[2]}"
        options = shlex.split(os.environ.get("PUSH_OPTIONS", ""))
        if self.name == "docker":
            self._run("tag", reference, target)
            self._run("push", "--quiet", *options, target)
            return
        # A registry on this machine speaks plain HTTP.
        plain = ["--tls-verify=false"] if registry.split("/")[0].split(":")[0] in LOOPBACK else []
        self._run("push", "--quiet", *plain, *options, reference, f"docker://{target}")


def list_packages(image: Image, into: Path) -> Path:
    """Writes the bill of materials beside the image: every package of its lock file, with version and digest."""
    into.mkdir(parents=True, exist_ok=True)
    file = into / f"{image.reference.rpartition('/')[2].replace(':', '-')}.cdx.json"
    command = [os.environ.get("UV", "uv"), "export", "--quiet", "--locked", "--no-dev", "--format", "cyclonedx1.5"]
    subprocess.run(
        [*command, "--project", str(image.folder), "--output-file", str(file)], check=True, capture_output=True
    )
    return file


def build_images(names: Sequence[str], base: str, push_to: str, prune: bool = False) -> None:
    """Builds what is missing, lists its packages, pushes, and prints a line each in the order of their names.

    With `prune`, what the builder has of the same folders with other contents is removed once all of it is done.
    """
    builder, kept, chosen = Builder.found(), Workspace().root / "images", names or list(image_folders())

    def provide(name: str) -> str:
        image, began, done = folder_image(name), time.monotonic(), "as it was"
        if not builder.size(image.reference):
            builder.build(image, base)
            done = f"built in {time.monotonic() - began:.0f} s"
        list_packages(image, kept)
        if push_to:
            builder.push(image.reference, push_to)
        return f"  {image.reference:<60} {builder.size(image.reference):>9}  {done}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in pool.map(provide, chosen):
            print(line, flush=True)
    for name in chosen if prune else ():
        builder.prune(folder_image(name).reference)
    print(f"packages of each: {kept}/*.cdx.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, and turns what goes wrong into one line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.build_images", description=__doc__)
    parser.add_argument("names", nargs="*", help="folders; all of them when none is named")
    parser.add_argument("--base", default="", help="the base image instead of the public one")
    parser.add_argument("--push-to", default="", help="a registry, such as ghcr.io/windsock or 127.0.0.1:5000/windsock")
    parser.add_argument(
        "--prune", action="store_true", help="remove the builder's images of these folders' older contents"
    )
    options = parser.parse_args(arguments)
    try:
        unknown = sorted(set(options.names) - set(image_folders()))
        if unknown:
            raise InputError("image", unknown[0], f"one of {', '.join(image_folders())}")
        build_images(options.names, options.base, options.push_to, options.prune)
    except InputError as error:
        print(f"images: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except subprocess.CalledProcessError as error:
        print(
            f"images: {' '.join(error.cmd[:3])} ended with {error.returncode}; its own words are above", file=sys.stderr
        )
        return EXIT_CRASHED
    return 0


if __name__ == "__main__":
    sys.exit(main())
