"""The local edge: traffic led through its command line, `python -m windsock.edge --directory DIRECTORY VERB`."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.release.traffic import Fence, Wanted

PATIENCE_S = 30.0
LINE = re.compile(r"\s*(\d+) % (\S+)")


class EdgeTraffic:
    """One edge, by its command and the directory where it keeps its state.

    The fence's lock is inherited by the command: if this process is killed, an unfinished command still keeps others
    out until it is done, so that nothing late can follow something newer.
    """

    splits = True
    copies = True

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        self._command = [*command, "--directory", str(directory)]
        self._directory = directory
        self._fence = Fence(directory / "release")

    def set_weights(self, wanted: Wanted) -> None:
        """Leads the traffic, and after it the copies.

        Raises:
            OvertakenError: a newer wish was brought before.
            InputError: the edge does not know a release, or does not answer.
        """
        with self._fence.passed(wanted.number) as lock:
            shares = [f"{release}={share}" for release, share in wanted.weights.items()]
            self._run(lock, "weights", *shares)
            self._run(lock, "shadow", *([wanted.copies_to] if wanted.copies_to else []))

    def get_weights(self) -> dict[str, int]:
        """The shares that the edge routes by at this moment."""
        found = (LINE.fullmatch(line) for line in self._run(None, "weights").splitlines())
        return {match[2]: int(match[1]) for match in found if match and int(match[1])}

    def ready(self, wanted: Wanted) -> str:
        """What is missing, as the edge says it."""
        if self._fence.number < wanted.number:
            return f"entry {wanted.number} has not been brought to the edge yet"
        try:
            routing = read_json(self._directory / "routing.json", "routing")
            given = {one["release"]: one.get("weight", 0) for one in routing["releases"]}
            shares = {release: share for release, share in wanted.weights.items() if share}
            if {release: share for release, share in given.items() if share} != shares:
                return "the edge is told other weights"
            if routing.get("shadow", "") != wanted.copies_to:
                return "copies go elsewhere"
            # The edge compares what it was told with what Envoy routes by, so the shares need no second question.
            self._run(None, "ready")
        except InputError as error:
            return str(error)
        return ""

    def finalize(self, wanted: Wanted) -> None:
        """Leaves one release alone; the other's servers are forgotten by the edge.

        Raises:
            OvertakenError: a newer wish was brought before.
            InputError: the edge does not know the release, or does not answer.
        """
        (release,) = (release for release, share in wanted.weights.items() if share)
        with self._fence.passed(wanted.number) as lock:
            self._run(lock, "finalize", release)

    def _run(self, lock: int | None, *arguments: str) -> str:
        """One verb of the edge; `lock` is the descriptor that it keeps open while it runs."""
        command = [*self._command, *arguments]
        kept = () if lock is None else (lock,)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, pass_fds=kept
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError("edge", arguments[0], f"an edge that answers ({error})") from error
        if done.returncode != 0:
            raise InputError("edge", arguments[0], f"an edge that does it: {done.stderr.strip()[-300:]}")
        return done.stdout
