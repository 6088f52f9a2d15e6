"""A part of the crash drill; the whole of it is a command (tests/drills/record_crash/README.md)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DRILL = Path(__file__).resolve().parents[4] / "tests" / "drills" / "record_crash" / "run.py"

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the crash drill needs a C compiler")


def drilled(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(DRILL), *arguments], capture_output=True, text=True, check=False)


def test_no_acknowledged_record_is_lost_and_none_is_corrupt():
    done = drilled("--every", "50", "--first-every", "80", "--random", "10")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "0 acknowledged lost, 0 corrupt accepted, 0 faults" in done.stdout


def test_the_drill_sees_a_record_that_was_not_synced():
    done = drilled(
        "--every", "40", "--ways", "power cut", "--first-every", "0", "--random", "0", "--defect", "unsynced"
    )
    assert done.returncode == 1, done.stdout + done.stderr[-2000:]
