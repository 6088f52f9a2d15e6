"""Recorded time for the servers of this machine: gated data, features and outcomes as they became known, requests.

`make replay` sends what was asked in that time to the release in production; a rollout sends it to two.
"""

import argparse
import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_REFUSED, InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.journal.sinks import NAME, DirectorySink
from windsock.contracts.release import Bundle, open_bundle
from windsock.contracts.use_case import load_use_case
from windsock.contracts.warm import Command, run
from windsock.edge.routing import Routing

from pipelines.workspace import REPOSITORY
from serving.local.replay import Sender, Sent
from serving.local.site import Site, python

REPLAYED_DAYS = 31
# A batch is answered within the deadline of one request, and two senders leave the predictor no queue.
BATCH_ROWS = 25
SENDERS = 2
SHIPPED_WITHIN_S = 30.0
POLL_S = 0.1
ENDS_WITHIN_S = 30.0
MODULE = "windsock.features.replay"


def replay(options: argparse.Namespace) -> int:
    """Brings features and outcomes up to `--until` by the hour, and asks what was asked in each.

    Where the gates refuse the data of that time, the features stay as they are and the questions come all the same, as
    they would from the world: the rules answer as soon as the features are too old. The last line is JSON. Returns 3 if
    a request was not answered.
    """
    site = Site.here()
    serving = site.serving
    times = period(site, serving, options.until)
    data, passed = options.judged, not options.requests_only
    if data is None:
        data, passed = judged(site, serving, times[1], options.override)
    progress, asked, shipped = Progress(site.clock), 0, Shipped(site)
    request = load_use_case(serving.use_case).request
    with (
        open_feed(site, serving, data, times, options.stretch_minutes, requests_only=not passed) as feed,
        Sender(site.running, request.key, options.per_s, SENDERS, options.batch_rows) as sender,
    ):
        while (stretch := next_stretch(feed, site.place.logs / "replay.log"))["requests"]:
            sender.send(stretch["requests"], lambda: True)
            asked += len(stretch["requests"])
            progress.come(stretch["until"], asked, sender.sent)
    shipped.wait(sender.sent.answered)
    until = format_time(times[1])
    totals = progress.come(until, asked, sender.sent)
    features = "brought" if passed else "left: data refused"
    print(json.dumps({"until": until, "asked": asked, "features": features, "in_all": totals}), flush=True)
    return EXIT_REFUSED if sender.sent.lost else 0


class Shipped:
    """How many records lie in the sink by now, so that whoever counts answers next finds those of all of them."""

    def __init__(self, site: Site) -> None:
        self._sink = DirectorySink(site.workspace.records)
        self._copies = bool(Routing.read(site.place.edge / "routing.json").shadow)
        self._before = self._rows()
        self._within_s = load_use_case(site.serving.use_case).serving.record.ship_every_s + SHIPPED_WITHIN_S

    def _rows(self) -> int:
        """By the names of the batches, which say which part of a chain they hold."""
        found = filter(None, map(NAME.fullmatch, self._sink.names()))
        return sum(int(one["last"]) - int(one["first"]) + 1 for one in found)

    def wait(self, answered: int) -> None:
        """Waits for the records of so many answers since the beginning, and of their copies; not for ever."""
        expected = self._before + answered * (1 + self._copies)
        until = time.monotonic() + self._within_s
        while self._rows() < expected and time.monotonic() < until:
            time.sleep(POLL_S)


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
) -> Iterator["Feed"]:
    """The process that brings features and outcomes, a stretch of `times` after the other.

    The outcomes are those of what happened from `labels_since` on; without it nobody waits for any.
    """
    since, until = times
    words = ["--use-case", str(bundle.use_case), "--data", str(data), "--online-store", site.workspace.online_store]
    words += ["--since", format_time(since), "--until", format_time(until), "--labels-since", labels_since]
    words += ["--stretch-minutes", str(stretch_minutes)]
    if requests_only:
        words += ["--requests-only"]
    elif _goes_on(site, bundle):
        words += ["--continues"]
    if labels_since:
        site.place.labels.write_text("key,label,event_time\n")
        words += ["--labels", str(site.place.labels)]
    command = Command(Path(python("components/features")), MODULE, words, REPOSITORY, os.environ)
    with (site.place.logs / "replay.log").open("ab") as log, Feed(command, log) as feed:
        yield feed


def _goes_on(site: Site, bundle: Bundle) -> bool:
    """Whether the store was brought on by this very use case, so that only news is to be read; notes that it is now."""
    marker, use_case = site.place.root / "brought_by.json", open_bundle(bundle.artifact.path).digest
    before = read_json(marker, "replay") if marker.exists() else ""
    write_json(marker, use_case)
    return bool(before == use_case)


class Feed:
    """The process that answers a line with a stretch of time; use as a context."""

    def __init__(self, command: Command, log: IO[bytes]) -> None:
        asked, ask = os.pipe()
        tell, told = os.pipe()
        self._ask, self._tell = os.fdopen(ask, "w"), os.fdopen(tell)
        self._ends = (asked, told)
        self._thread = threading.Thread(target=self._run, args=(command, asked, told, log.fileno()), daemon=True)

    def _run(self, command: Command, asked: int, told: int, log: int) -> None:
        try:
            run(command, asked, told, log)
        finally:
            for end in self._ends:
                os.close(end)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """It ends as nobody asks any more."""
        with contextlib.suppress(BrokenPipeError):
            self._ask.close()
        self._thread.join(ENDS_WITHIN_S)
        self._tell.close()

    def next(self) -> str:
        """The next stretch, as a line of JSON; empty if the process has ended, which its log says why."""
        with contextlib.suppress(BrokenPipeError):
            self._ask.write("next\n")
            self._ask.flush()
        return self._tell.readline()


def next_stretch(feed: Feed, log: Path) -> dict[str, Any]:
    """The next stretch of replayed time; features and outcomes have been brought to its beginning."""
    line = feed.next()
    if not line:
        raise InputError("replay", "ended", f"one that goes on; its log: {log}")
    return dict(json.loads(line))
