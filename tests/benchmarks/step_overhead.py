"""What the local runner adds to a step: five steps through the pipeline, and the same five commands bare, in one run.

    pipelines/.venv/bin/python -m tests.benchmarks.step_overhead [LANDING]

Prints seconds a step, both ways, and their difference (goal: at most 0.5 s). The landing zone is that of `make run`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kfp import compiler, dsl
from windsock.contracts.use_case_code import pack_use_case

from components.ingest.component import snapshot_data
from pipelines.images import folder_image
from pipelines.runners.venv import STEP_ENVIRONMENT, StepResult, run_pipeline
from pipelines.workspace import Workspace

ROOT = Path(__file__).parents[2]
STEPS = 5
AS_OF = "2013-02-01"


@dsl.pipeline(name="step-overhead")
def five_steps(use_case: str, landing: str, as_of: str) -> None:
    """The same step five times, one after the other."""
    the_use_case = dsl.importer(artifact_uri=use_case, artifact_class=dsl.Artifact)
    the_landing = dsl.importer(artifact_uri=landing, artifact_class=dsl.Artifact)
    previous = None
    for _ in range(STEPS):
        task = snapshot_data(use_case=the_use_case.output, landing=the_landing.output, as_of=as_of, recent=False)
        task.set_caching_options(False)
        if previous is not None:
            task.after(previous)
        previous = task


def through_the_runner(home: Path, arguments: dict[str, str]) -> tuple[float, list[StepResult]]:
    """Seconds a step through KFP's orchestrator, all included."""
    compiled = home / "five.yaml"
    compiler.Compiler().compile(five_steps, str(compiled))
    reference = folder_image("ingest").reference
    compiled.write_text(compiled.read_text().replace("image: windsock/ingest", f"image: {reference}"))
    began = time.monotonic()
    results = run_pipeline(compiled, arguments, Workspace(home), lambda _: None, lambda _: None)
    return (time.monotonic() - began) / STEPS, results


def bare(home: Path, arguments: dict[str, str]) -> float:
    """Seconds a step when its entry point is called directly with the same input."""
    inputs = {name: {"artifacts": [{"uri": arguments[name]}]} for name in ("use_case", "landing")}
    python = ROOT / "components" / "ingest" / ".venv" / "bin" / "python"
    began = time.monotonic()
    for number in range(STEPS):
        place = home / f"bare-{number}"
        place.mkdir()
        executor_input = {
            "inputs": {"artifacts": inputs, "parameterValues": {"as_of": arguments["as_of"], "recent": False}},
            "outputs": {
                "artifacts": {"snapshot": {"artifacts": [{"name": "snapshot", "uri": str(place / "snapshot")}]}},
                "outputFile": str(place / "executor_output.json"),
            },
        }
        command = [str(python), "-m", "windsock.ingest", "snapshot_data", json.dumps(executor_input)]
        subprocess.run(command, check=True, env={**os.environ, **STEP_ENVIRONMENT}, capture_output=True)
    return (time.monotonic() - began) / STEPS


def main() -> None:
    """Measures the two in turn, three times."""
    landing = Path(sys.argv[1] if len(sys.argv) > 1 else Workspace().landing).resolve()
    for turn in range(3):
        with tempfile.TemporaryDirectory() as scratch:
            home = Path(scratch)
            use_case = pack_use_case(ROOT / "feature_repo", home / "use_cases")
            arguments = {"use_case": str(use_case.path), "landing": str(landing), "as_of": AS_OF}
            runner_s, _ = through_the_runner(home, arguments)
            bare_s = bare(home, arguments)
            print(
                f"turn {turn}: runner {runner_s:.2f} s, bare {bare_s:.2f} s, overhead {runner_s - bare_s:+.2f} s a step"
            )


if __name__ == "__main__":
    main()
