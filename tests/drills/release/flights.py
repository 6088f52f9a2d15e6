"""Two releases of real flights, by the commands that a person types: a better one gets the traffic, a broken one none.

    python3 -m tests.drills.release.flights [--home DIRECTORY] [--reports DIRECTORY]

Trains on what was known on 1 May 2013, serves that, trains again on 1 July while it serves, and leads the second model
through its canary under the flights of July. Then the same model is registered once more with one line of its
`derive.py` changed, a slack in hours in place of minutes, and is led through its own under the days that follow.
Every process is the real one. The wall time is half an hour on two quiet cores; what is found in `--home` of an earlier
run is used again.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
EDGE = ROOT / "serving" / "edge" / ".venv" / "bin" / "python"
WHOLE = "minutes_since - number(features.get(SCHEDULED))"
FIRST, SECOND = "2013-05-01", "2013-07-01"
# Each rollout goes on where the replay of the one before ended, so the second needs days of its own.
UNTIL, BROKEN_UNTIL = "2013-08-01", "2013-09-01"
READY_S = 600.0


def make(home: Path, *words: str) -> int:
    """One command of the Makefile; what it says goes to the terminal."""
    began = time.monotonic()
    print(f"\n$ make {' '.join(words)}", flush=True)
    environment = {**os.environ, "WINDSOCK_HOME": str(home)}
    code = subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, env=environment, check=False).returncode
    print(f"make {words[0]}: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
    # `make` itself says 2 for whatever a command of it said; which one is in the line above it.
    return code


def serve(home: Path) -> "subprocess.Popen[bytes]":
    """`make serve` in the background, once it answers."""
    log = home / "serve.log"
    with log.open("wb") as said:
        command = [str(EDGE), "-m", "serving.local", "up", "--port", "0", "--as-of", SECOND]
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "WINDSOCK_HOME": str(home)}, stdout=said, stderr=said
        )
    until = time.monotonic() + READY_S
    while b"POST http" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
    return process


def broken(home: Path) -> str:
    """Registers the release in production once more, one unit in its `derive.py` changed, as the newest to be tried."""
    from windsock.contracts.artifact import Origin, new_artifact
    from windsock.contracts.release import KIND, Registry, open_bundle, write_bundle

    registry = Registry(home / "releases")
    good = registry.production()
    assert good is not None
    use_case, target = home / "broken" / "use_case", home / "broken" / "release"
    shutil.rmtree(home / "broken", ignore_errors=True)
    shutil.copytree(good.use_case, use_case)
    derive = use_case / "derive.py"
    source = derive.read_text()
    assert source.count(WHOLE) == 1
    derive.write_text(source.replace(WHOLE, f"({WHOLE}) / 60"))
    with new_artifact(target, KIND, Origin("drill", inputs={"release": good.digest})) as directory:
        write_bundle(directory, good.release, use_case, good.model)
    bundle = registry.add(open_bundle(target))
    registry.propose(bundle.digest, {"run": "drill: slack in hours"})
    return bundle.digest


def production(home: Path) -> str:
    from windsock.contracts.release import Registry

    bundle = Registry(home / "releases").production()
    return "" if bundle is None else bundle.digest


def drill(home: Path, reports: Path) -> None:
    """Both rollouts; fails on the first that ends in another way than it should."""
    from windsock.contracts.release import Registry

    registry = Registry(home / "releases")
    if registry.production() is None:
        assert make(home, "run", f"AS_OF={FIRST}") == 0
    serving = serve(home)
    try:
        before = production(home)
        if registry.candidate() is None:
            assert make(home, "run", f"AS_OF={SECOND}") == 0
        better = registry.candidate()
        assert better is not None, "training while servers run must not promote"
        assert make(home, "release", f"UNTIL={UNTIL}") == 0
        assert production(home) == better.digest != before
        keep(home, reports, "better")
        worse = broken(home)
        assert make(home, "release", f"UNTIL={BROKEN_UNTIL}") != 0
        assert production(home) == better.digest
        assert registry.refused(worse) is not None
        keep(home, reports, "broken")
    finally:
        serving.terminate()
        serving.wait(60)


def keep(home: Path, reports: Path, name: str) -> None:
    reports.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(home / "serve" / "release.html", reports / f"{name}.html")
    print(f"report {reports / name}.html", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=ROOT / ".windsock" / "drill", help="everything is kept here")
    parser.add_argument("--reports", type=Path, default=ROOT / "components" / "release" / "examples")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    drill(given.home.resolve(), given.reports.resolve())
    print(f"both ended as they should, after {(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    if Path(sys.prefix).resolve() != (ROOT / "serving" / "edge" / ".venv").resolve():
        subprocess.run(["make", "--silent", "environments"], cwd=ROOT, check=True)
        os.execv(EDGE, [str(EDGE), "-m", "tests.drills.release.flights", *sys.argv[1:]])  # noqa: S606
    main()
