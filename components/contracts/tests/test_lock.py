"""A lock is one process's, says whose, and comes back when its holder is killed."""

import os
import signal
import subprocess
import sys

from windsock.contracts.lock import held, holder

HOLD = "import sys, time\nfrom pathlib import Path\nfrom windsock.contracts.lock import held\n" \
    "with held(Path(sys.argv[1])) as mine:\n    print(mine, flush=True)\n    time.sleep(60)\n"  # fmt: skip


def test_a_lock_is_held_once_and_named_by_its_process(tmp_path):
    path = tmp_path / "deep" / "lock"
    assert holder(path) is None
    with held(path) as first, held(path) as second:
        assert (first, second) == (True, False)
        assert holder(path) == os.getpid()
    assert holder(path) is None
    with held(path) as again:
        assert again


def test_the_lock_of_a_killed_process_comes_back(tmp_path):
    path = tmp_path / "lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "True"
    assert holder(path) == process.pid
    with held(path) as mine:
        assert not mine
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert holder(path) is None
    with held(path) as mine:
        assert mine
