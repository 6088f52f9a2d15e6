"""Where a laptop keeps what a cluster keeps in its stores: one hidden folder at the repository's root."""

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
COMPILED = Path(__file__).parent / "compiled"
# Held while servers run here, below `Workspace.serving`.
SERVING_LOCK = "lock"


class Workspace:
    """The local places. `WINDSOCK_HOME` moves them all."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or Path(os.environ.get("WINDSOCK_HOME", REPOSITORY / ".windsock"))).resolve()

    @property
    def landing(self) -> Path:
        """Where upstream systems deliver."""
        return self.root / "landing"

    @property
    def runs(self) -> Path:
        """One folder a run, one folder a step in it."""
        return self.root / "runs"

    @property
    def reuse(self) -> Path:
        """Results of steps that only compute, by what went into them."""
        return self.root / "reuse"

    @property
    def use_cases(self) -> Path:
        """Packed use cases, by digest."""
        return self.root / "use_cases"

    @property
    def releases(self) -> Path:
        """Registered releases, by digest, and the pointer to the one in production."""
        return self.root / "releases"

    @property
    def serving(self) -> Path:
        """Where local serving keeps its state."""
        return self.root / "serve"

    @property
    def training_sets(self) -> Path:
        """The training sets of registered releases, by digest: what monitoring holds answers against."""
        return self.root / "training_sets"

    @property
    def records(self) -> Path:
        """Where the servers of this machine ship the records of their answers."""
        return self.root / "predictions"

    @property
    def monitoring(self) -> Path:
        """What monitoring knows and has said."""
        return self.root / "monitoring"

    @property
    def tracking_uri(self) -> str:
        """MLflow's database."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def online_store(self) -> str:
        """Feast's online store."""
        return f"sqlite:///{self.root / 'online' / 'online.db'}"


def commit() -> str:
    """The Git commit of the working tree, marked when files differ from it; in an image, its name; else empty."""
    if os.environ.get("WINDSOCK_IMAGE"):
        return os.environ["WINDSOCK_IMAGE"]
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--abbrev=40", "--dirty=-modified"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""
