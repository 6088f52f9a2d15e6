"""Recorded time for the servers of this machine: gated data, features and outcomes as they became known, requests.

`make replay` sends what was asked in that time to the release in production; a rollout sends it to two.
"""

import argparse
import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_REFUSED, InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.release import Bundle
from windsock.contracts.use_case import load_use_case

from pipelines.workspace import REPOSITORY
from serving.local.replay import Sender, Sent
from serving.local.site import Site, python

REPLAYED_DAYS = 31
# A batch is answered within the deadline of one request, and two senders leave the predictor no queue.
BATCH_ROWS = 25
SENDERS = 2
SHIPPED_WITHIN_S = 5.0


def replay(options: argparse.Namespace) -> int:
    """Brings features and outcomes up to `--until` by the hour, and asks what was asked in each.

    Where the gates refuse the data of that time, the features stay as they are and the questions come all the same, as
    they would from the world: the rules answer as soon as the features are too old. The last line is JSON. Returns 3 if
    a request was not answered.
    """
    site = Site.here()
    serving = site.serving
    times = period(site, serving, options.until)
    data, passed = judged(site, serving, times[1], options.override)
    progress, asked = Progress(site.clock), 0
    with (
        open_feed(site, serving, data, times, options.stretch_minutes, requests_only=not passed) as feed,
        Sender(site.running.port, site.running.model, options.per_s, SENDERS, BATCH_ROWS) as sender,
    ):
        while (stretch := next_stretch(feed, site.place.logs / "replay.log"))["requests"]:
            sender.send(stretch["requests"], lambda: True)
            asked += len(stretch["requests"])
            progress.come(stretch["until"], asked, sender.sent)
    # Whoever counts answers next finds the records of all of them.
    time.sleep(load_use_case(serving.use_case).serving.record.ship_every_s + SHIPPED_WITHIN_S)
    until = format_time(times[1])
    totals = progress.come(until, asked, sender.sent)
    features = "brought" if passed else "left: data refused"
    print(json.dumps({"until": until, "asked": asked, "features": features, "in_all": totals}), flush=True)
    return EXIT_REFUSED if sender.sent.lost else 0


class Progress:
    """How far a replay has come and what was asked on the way in all: in a file, so that whoever goes on counts on."""

    def __init__(self, path: Path) -> None:
        known = read_json(path, "replay") if path.exists() else {}
        self._path = path
        self._before = {name: int(known.get(name, 0)) for name in ("asked", "answered", "lost")}

    def come(self, at: str, asked: int, sent: Sent) -> dict[str, int]:
        """Notes the time that was reached by `asked` requests of this replay; returns the totals of all replays."""
        now = {"asked": asked, "answered": sent.answered, "lost": sent.lost}
        totals = {name: self._before[name] + number for name, number in now.items()}
        write_json(self._path, {"at": at, **totals})
        return totals


def period(site: Site, bundle: Bundle, until: str) -> tuple[datetime, datetime]:
    """From what the release was trained on, or from where an earlier replay ended, since features never go back."""
    known = [one for one in (bundle.release.as_of, site.running.as_of) if one]
    if site.clock.exists():
        known.append(read_json(site.clock, "replay")["at"])
    if not known:
        raise InputError("as_of", "", "a time to begin at: give `make serve` one, since no model was trained yet")
    since = max(parse_time(one, "as_of") for one in known)
    end = parse_time(until, "--until") if until else parse_time(known[0], "as_of") + timedelta(days=REPLAYED_DAYS)
    if end <= since:
        raise InputError("--until", format_time(end), f"a time after {format_time(since)}, where the replay stands")
    return since, end


def judged(site: Site, bundle: Bundle, until: datetime, override: str) -> tuple[Path, bool]:
    """The data of the replayed time through the same gates as ever, and whether these let them pass.

    What is known at their end is made a past below.

    Raises:
        InputError: there are no data to judge.
    """
    command = [python("pipelines"), "-m", "pipelines.run", "validation", "--as-of", format_time(until)]
    command += ["--use-case", str(bundle.use_case)]
    command += ["--override", override] if override else []
    before = set(site.workspace.runs.glob("validation-*"))
    code = subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    if code not in (0, EXIT_REFUSED):
        raise InputError("data", f"until {format_time(until)}", "deliveries that can be judged; see above")
    (run,) = set(site.workspace.runs.glob("validation-*")) - before
    return run / "validate-data" / "judged", code == 0


@contextmanager
def open_feed(
    site: Site,
    bundle: Bundle,
    data: Path,
    times: tuple[datetime, datetime],
    stretch_minutes: int,
    labels_since: str = "",
    requests_only: bool = False,
) -> Iterator["subprocess.Popen[str]"]:
    """The process that brings features and outcomes, a stretch of `times` after the other.

    The outcomes are those of what happened from `labels_since` on: by default since the first of `times`.
    """
    since, until = times
    site.place.labels.write_text("key,label,event_time\n")
    command = [python("components/features"), "-m", "windsock.features.replay", "--use-case", str(bundle.use_case)]
    command += ["--data", str(data), "--online-store", site.workspace.online_store, "--labels", str(site.place.labels)]
    command += ["--since", format_time(since), "--until", format_time(until)]
    command += ["--stretch-minutes", str(stretch_minutes), "--labels-since", labels_since]
    command += ["--requests-only"] if requests_only else []
    log = (site.place.logs / "replay.log").open("ab")
    with log, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as feed:
        try:
            yield feed
        finally:
            feed.terminate()


def next_stretch(feed: "subprocess.Popen[str]", log: Path) -> dict[str, Any]:
    """The next stretch of replayed time; features and outcomes have been brought to its beginning."""
    line = ""
    if feed.stdin is not None and feed.stdout is not None:
        with contextlib.suppress(BrokenPipeError):  # It has ended; what it said last is in its log.
            feed.stdin.write("next\n")
            feed.stdin.flush()
        line = feed.stdout.readline()
    if not line:
        raise InputError("replay", "ended", f"one that goes on; its log: {log}")
    return dict(json.loads(line))
