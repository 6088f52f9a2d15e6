import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "full_disk.py"
# A file system in memory, mounted for one process and its children, gone with them.
OWN_DISK = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
MOUNT = 'mount -t tmpfs -o size=24m none "$1" && exec "$2" "$3" "$1"'


def test_a_full_disk_takes_nothing_from_the_record(tmp_path, prediction):
    if subprocess.run([*OWN_DISK, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    body = prediction(request={"name": "x" * 600}).encode()
    command = [*OWN_DISK, MOUNT, "sh", str(tmp_path), sys.executable, str(SCRIPT)]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["could_record"]
    assert not found["ships_on_a_full_disk"]
    assert found["refused_by"] == "journal_full", "the journal's own bound, not the disk's"
    assert found["rows"] * found["record_bytes"] > 0.7 * 4 * 1024 * 1024
    assert found["ships_when_there_is_space"]
    assert found["rows_in_the_sink"] == found["rows"] + 1
    assert found["predictions"] == 1, "all are the same prediction"
    assert found["faults"] == 0
