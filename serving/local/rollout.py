"""`make release`, `make rollback`, `make decide`: a release led through its canary against what `make serve` serves.

The judge and its history are the release component's (its console runs in its own environment), features and outcomes
come from the features component's replay, servers join and leave by the supervisor. This file brings them together.
"""

import argparse
import os
import signal
import subprocess
import sys
from typing import Any

from windsock.contracts.clock import format_time
from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.release import Bundle, rules_release
from windsock.contracts.use_case import load_use_case
from windsock.contracts.use_case_code import pack_use_case

from serving.local.feed import Feed, Progress, judged, next_stretch, open_feed, period
from serving.local.replay import Sender
from serving.local.site import Site

STOP_S = 60.0
# How a judge ends that was asked to stop: it has not decided, and both releases stay.
INTERRUPTED = 130


def release(options: argparse.Namespace) -> int:
    """Leads the newest registered release through all steps under replayed traffic. 3: it was refused."""
    site = Site.here()
    serving, candidate = site.serving, _candidate(site, options.candidate)
    if candidate.digest == serving.digest:
        raise InputError("release", candidate.digest, "another one than the one that serves already")
    times = period(site, candidate, options.until)
    data, passed = judged(site, candidate, times[1], options.override)
    if not passed:
        raise InputError("data", f"until {format_time(times[1])}", "deliveries that the gates let pass; see above")
    report = options.report or site.place.root / "release.html"
    words = ["--candidate", candidate.digest, "--serving", serving.digest, "--report", str(report)]
    words += ["--again"] if options.again else []
    site.admit(candidate.digest)
    # An earlier call may have come half of the way: the labels of what was answered then count too.
    with open_feed(site, candidate, data, times, options.stretch_minutes, candidate.release.as_of) as feed:
        judge = subprocess.Popen(site.console(candidate, "run", "--labels", str(site.place.labels), *words))
        try:
            _drive(site, feed, judge, options.per_s)
        finally:
            code = _end(judge)
    if code not in (EXIT_BAD_INPUT, INTERRUPTED):
        site.settle()
    print(f"report {os.path.relpath(report)}")
    return code


def _candidate(site: Site, digest: str) -> Bundle:
    candidate = site.registry.get(digest) if digest else site.registry.candidate()
    if candidate is None:
        raise InputError("release", None, "one that waits: run `make run` while this serves, or name one by RELEASE=…")
    return candidate


def _drive(site: Site, feed: Feed, judge: "subprocess.Popen[bytes]", per_s: float) -> None:
    """One stretch after the other until the rollout is over, or the replayed time is."""
    progress, asked = Progress(site.clock), 0
    key = load_use_case(site.serving.use_case).request.key
    with Sender(site.running, key, per_s) as sender:
        while judge.poll() is None:
            stretch = next_stretch(feed, site.place.logs / "replay.log")
            if not stretch["requests"]:
                print(f"the replayed time is over, {sender.sent.answered:,} requests; it was not enough to decide")
                return
            sender.send(stretch["requests"], lambda: judge.poll() is None)
            # A stretch that the decision cut short is asked again by whoever goes on: twice is better than never.
            whole = judge.poll() is None
            asked += len(stretch["requests"]) * whole
            progress.come(stretch["until" if whole else "at"], asked, sender.sent)
        print(f"{sender.sent.answered:,} requests answered, {sender.sent.lost} lost")


def _end(judge: "subprocess.Popen[bytes]") -> int:
    """The judge's answer; one that is still undecided is asked to stop, and what it decided stands."""
    if judge.poll() is None:
        judge.send_signal(signal.SIGINT)
    try:
        code = judge.wait(STOP_S)
    except subprocess.TimeoutExpired:
        judge.kill()
        code = judge.wait()
    return INTERRUPTED if code < 0 else code


def rollback(options: argparse.Namespace) -> int:
    """Gives all the traffic to the release before, to a named one, or to the rules."""
    site = Site.here()
    serving = site.serving
    state = site.history(serving)
    to = _target(site, options.to, state)
    if to != serving.digest:
        site.admit(to)
    words = ["--to", to, "--reason", options.reason]
    words += ["--now", options.at] if options.at else []
    words += ["--serving", serving.digest] if state["phase"] == "idle" else []
    code = site.ask(serving, "rollback", *words)
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
