"""`turn`: a rollout in recorded time. Whoever replays a day has it judged at the day's end, at that time and no later.

A release that waits is started, one that is under way is judged until nothing more is decided at this time. The last
line is JSON: who is tried, its phase and weight, and how it ended, if it did.
"""

import argparse
import json

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.errors import EXIT_REFUSED

from serving.local.site import Site

IDLE = "idle"


def turn(options: argparse.Namespace) -> int:
    """Takes the turns of one time. Returns 3 where the candidate was refused at it."""
    site = Site.here()
    at, serving = format_time(parse_time(options.at, "--at")), site.serving
    state = site.history(serving)
    waiting = site.registry.candidate() if state["phase"] == IDLE else None
    trying = waiting.digest if waiting else str(state["candidate"])
    if state["phase"] == IDLE and waiting is None:
        print(json.dumps({"phase": IDLE}), flush=True)
        return 0
    site.admit(trying)
    words = ["--now", at, "--report", str(site.place.root / "release.html")]
    words += ["--candidate", waiting.digest, "--serving", serving.digest] if waiting else []
    code = site.ask(serving, "run", *words, labels=options.labels)
    after = site.history(serving)
    if after["phase"] == IDLE:
        site.settle()
    said = {"candidate": trying, "phase": after["phase"], "weight": after["weight"]}
    said |= {"promoted": after["serving"] == trying, "refused": code == EXIT_REFUSED}
    print(json.dumps(said), flush=True)
    return code
