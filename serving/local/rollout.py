"""`make release`, `make rollback`, `make decide`: a release led through its canary against what `make serve` serves.

The judge and its history are the release component's (its console runs in its own environment), features and outcomes
come from the features component's replay, servers join and leave by the supervisor. This file brings them together.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.files import read_json, write_json
from windsock.contracts.release import Bundle, Registry, open_bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case
from windsock.edge.routing import Routing

from pipelines.workspace import REPOSITORY, Workspace
from serving.local.place import Place, Running
from serving.local.replay import Sender

JOIN_S = 120.0
REPLAYED_DAYS = 31
STOP_S = 20.0
POLL_S = 0.2


@dataclass(frozen=True)
class Site:
    """What serves here, where it keeps its things, and the releases it can choose from."""

    workspace: Workspace
    place: Place
    running: Running
    registry: Registry

    @classmethod
    def here(cls) -> "Site":
        """What runs.

        Raises:
            NotRunningError: nothing serves here.
        """
        workspace = Workspace()
        place = Place(workspace.serving)
        return cls(workspace, place, place.read(), Registry(workspace.releases))

    @property
    def serving(self) -> Bundle:
        """The release in production; on day zero the rules, which are registered so that they can be named."""
        return self.registry.production() or self.registry.add(open_bundle(Path(self.running.bundle)))

    @property
    def clock(self) -> Path:
        """How far the replay of recorded time has come."""
        return self.place.root / "replayed.json"

    def console(self, bundle: Bundle, verb: str, *words: str) -> list[str]:
        """A command of the release component's console."""
        edge = f"edge:{self.place.edge} {python('serving/edge')} -m windsock.edge"
        command = [python("components/release"), "-m", "windsock.release.console", verb]
        command += ["--use-case", str(bundle.use_case), "--history", str(self.place.history), "--traffic", edge]
        for records in (self.workspace.root / "predictions", self.place.records / "rules" / "shipped"):
            command += ["--records", records.as_uri()]
        if self.place.labels.exists():
            command += ["--labels", str(self.place.labels)]
        return [*command, "--registry", str(self.workspace.releases), *words]

    def history(self, bundle: Bundle) -> dict[str, Any]:
        """Who serves and who is tried, as the history says.

        Raises:
            InputError: the history cannot be read.
        """
        done = subprocess.run(self.console(bundle, "status", "--json"), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise InputError("history", str(self.place.history), done.stderr.strip() or "one that can be read")
        return dict(json.loads(done.stdout))

    def admit(self, release: str) -> None:
        """Has a release served beside the one that is there, and returns once the edge knows it.

        Raises:
            InputError: its server does not get ready.
        """
        self.place.want((release,))
        until = time.monotonic() + JOIN_S
        while release not in Routing.read(self.place.edge / "routing.json").weights:
            if time.monotonic() > until:
                self.place.want(())
                logs = f"{self.place.logs}/release-{release.removeprefix('sha256:')[:12]}.log"
                raise InputError("release", release, f"one whose server gets ready; its log: {logs}")
            time.sleep(POLL_S)

    def settle(self) -> None:
        """Keeps the servers of the release in production, and of no other."""
        serving = self.serving
        self.place.want((serving.digest,))
        self.place.write(replace(self.running, bundle=str(serving.artifact.path)))


def python(folder: str) -> str:
    """The interpreter of a folder's environment.

    Raises:
        InputError: it is not prepared.
    """
    path = REPOSITORY / folder / ".venv" / "bin" / "python"
    if not path.exists():
        raise InputError("environment", f"{folder}/.venv", "a prepared one: run `make environments`")
    return str(path)


def release(options: argparse.Namespace) -> int:
    """Leads the newest registered release through all steps under replayed traffic. 3: it was refused."""
    site = Site.here()
    serving, candidate = site.serving, _candidate(site, options.candidate)
    if candidate.digest == serving.digest:
        raise InputError("release", candidate.digest, "another one than the one that serves already")
    since, until = _period(site, candidate, options.until)
    data = _judged(site, candidate, until, options.override)
    report = options.report or site.place.root / "release.html"
    words = ["--candidate", candidate.digest, "--serving", serving.digest, "--report", str(report)]
    words += ["--again"] if options.again else []
    site.admit(candidate.digest)
    with _feed(site, candidate, data, since, until, options.stretch_minutes) as feed:
        judge = subprocess.Popen(site.console(candidate, "run", "--labels", str(site.place.labels), *words))
        try:
            _drive(site, feed, judge, options.per_s)
        finally:
            code = _end(judge)
    if code not in (EXIT_BAD_INPUT, -signal.SIGINT, 130):
        site.settle()
    print(f"report {os.path.relpath(report)}")
    return code


def _candidate(site: Site, digest: str) -> Bundle:
    candidate = site.registry.get(digest) if digest else site.registry.candidate()
    if candidate is None:
        raise InputError("release", None, "one that waits: run `make run` while this serves, or name one by RELEASE=…")
    return candidate


def _period(site: Site, candidate: Bundle, until: str) -> tuple[datetime, datetime]:
    """From what the candidate was trained on, or from where an earlier replay ended, since features never go back."""
    trained = parse_time(candidate.release.as_of, "as_of of the release")
    known = [site.running.as_of] if site.running.as_of else []
    if site.clock.exists():
        known.append(read_json(site.clock, "replay")["at"])
    since = max([trained, *(parse_time(one, "as_of") for one in known)])
    end = parse_time(until, "--until") if until else trained + timedelta(days=REPLAYED_DAYS)
    if end <= since:
        raise InputError("--until", format_time(end), f"a time after {format_time(since)}, where the replay stands")
    return since, end


def _judged(site: Site, candidate: Bundle, until: datetime, override: str) -> Path:
    """The data of the replayed time, through the same gates as ever; what is known at its end is made a past below."""
    scratch = site.place.root / "replay"
    command = [python("pipelines"), "-m", "pipelines.run", "materialization", "--as-of", format_time(until)]
    command += ["--use-case", str(candidate.use_case), "--online-store", f"sqlite:///{scratch / 'end.db'}"]
    command += ["--override", override] if override else []
    before = set(site.workspace.runs.glob("materialization-*"))
    if subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0:
        raise InputError("data", f"until {format_time(until)}", "deliveries that the gates let pass; see above")
    (run,) = set(site.workspace.runs.glob("materialization-*")) - before
    return run / "validate-data" / "judged"


@contextmanager
def _feed(
    site: Site, candidate: Bundle, data: Path, since: datetime, until: datetime, stretch_minutes: int
) -> Iterator["subprocess.Popen[str]"]:
    """The process that brings features and outcomes, a stretch of time after the other."""
    site.place.labels.write_text("key,label,event_time\n")
    command = [python("components/features"), "-m", "windsock.features.replay", "--use-case", str(candidate.use_case)]
    command += ["--data", str(data), "--online-store", site.workspace.online_store, "--labels", str(site.place.labels)]
    command += ["--since", format_time(since), "--until", format_time(until)]
    command += ["--stretch-minutes", str(stretch_minutes)]
    log = (site.place.logs / "replay.log").open("ab")
    with log, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as feed:
        try:
            yield feed
        finally:
            feed.terminate()


def _drive(site: Site, feed: "subprocess.Popen[str]", judge: "subprocess.Popen[bytes]", per_s: float) -> None:
    """One stretch after the other until the rollout is over, or the replayed time is."""
    with Sender(site.running.port, site.running.model, per_s) as sender:
        while judge.poll() is None:
            stretch = _next(feed, site.place.logs / "replay.log")
            if not stretch["requests"]:
                print(f"the replayed time is over, {sender.sent.answered:,} requests; it was not enough to decide")
                return
            sender.send(stretch["requests"], lambda: judge.poll() is None)
            write_json(site.clock, {"at": stretch["at"]})
        print(f"{sender.sent.answered:,} requests answered, {sender.sent.lost} lost")


def _next(feed: "subprocess.Popen[str]", log: Path) -> dict[str, Any]:
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


def _end(judge: "subprocess.Popen[bytes]") -> int:
    """The judge's answer; one that is still undecided is asked to stop, and what it decided stands."""
    if judge.poll() is None:
        judge.send_signal(signal.SIGINT)
    try:
        return judge.wait(STOP_S)
    except subprocess.TimeoutExpired:
        judge.kill()
        return judge.wait()


def rollback(options: argparse.Namespace) -> int:
    """Gives all the traffic to the release before, to a named one, or to the rules."""
    site = Site.here()
    serving = site.serving
    state = site.history(serving)
    to = _target(site, options.to, state)
    if to != serving.digest:
        site.admit(to)
    words = ["--to", to, "--reason", options.reason, "--serving", serving.digest]
    under_way = state["phase"] != "idle"
    code = subprocess.run(
        site.console(serving, "rollback", *(words[:4] if under_way else words)), check=False
    ).returncode
    if code == 0:
        site.settle()
        print(f"{to} serves")
    return code


def _target(site: Site, named: str, state: dict[str, Any]) -> str:
    if named == "rules":
        use_case = pack_use_case(site.serving.use_case, site.workspace.use_cases)
        threshold = load_use_case(use_case.path).costs.threshold
        return site.registry.add(rules_release(use_case, threshold, site.workspace.releases)).digest
    if named:
        return site.registry.get(named).digest
    if state["phase"] != "idle":
        return str(state["serving"])
    previous = site.registry.previous()
    if previous is None:
        raise InputError("rollback", None, "a release before this one, or TO=rules, or TO=sha256:…")
    return previous.digest


def decide(_: argparse.Namespace) -> int:
    """What keeping, the release before, and the rules would cost, and which to choose."""
    site = Site.here()
    serving = site.serving
    command = site.console(serving, "decide", "--bundle", str(serving.artifact.path))
    return subprocess.run(command, check=False, stdout=sys.stdout).returncode
