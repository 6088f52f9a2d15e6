"""Brings serving up on this machine, and down again."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

from windsock.edge.traffic import SOCKET

from pipelines.workspace import Workspace
from serving.local.guests import Guests
from serving.local.place import NotRunningError, Place, Running
from serving.local.stack import HOST, Server, Stack, free_port, materialize, one_more, plan
from serving.local.supervisor import Kept, Supervisor

STOP_S = 30.0


def say(line: str) -> None:
    """One line for the person at the terminal."""
    print(line, flush=True)


def up(options: argparse.Namespace) -> int:
    """Starts everything, says where it is, and keeps it running until a signal."""
    workspace = Workspace()
    place = Place(workspace.serving)
    with place.held():
        options.port = free_port(options.port)
        stack = plan(options, workspace, place)
        if not options.online_store and (missing := materialize(stack)):
            say(f"{missing}: the rules will answer")
        supervisor = Supervisor(say)
        with supervisor.running():
            code = _run(stack, supervisor, partial(one_more, options, workspace, place))
        (place.edge / SOCKET).unlink(missing_ok=True)
    say("stopped")
    return code


def _run(stack: Stack, supervisor: Supervisor, make: Callable[[str], Server]) -> int:
    guests = Guests(stack.place, supervisor, make, say)
    launched = [(server, supervisor.launch(server.program)) for server in (stack.rules, *stack.predictors)]
    for server, kept in launched:
        _await(supervisor, kept, server.where)
        if server in stack.predictors:  # The rules stay in any case: they are the last resort of every release.
            guests.hosts(server, kept)
    edge = f"http://{HOST}:{stack.port}  metrics http://{HOST}:{stack.operations}/metrics"
    if supervisor.stopping or not _await(supervisor, supervisor.launch(stack.edge()), edge):
        return 0 if supervisor.stopping else 1
    name, bundle = stack.use_case.name, stack.rules.bundle.artifact.path
    stack.place.write(Running(os.getpid(), stack.port, name, str(bundle), stack.as_of))
    say(f"POST http://{HOST}:{stack.port}/v1/models/{name}:predict")
    say("`make predict` sends a real request; Ctrl-C or `make stop` ends it")
    return supervisor.watch(guests)


def _await(supervisor: Supervisor, kept: Kept, where: str) -> bool:
    took_s, program = supervisor.wait(kept), kept.program
    log = os.path.relpath(program.log)
    if took_s is not None:
        say(f"{program.name:10} ready in {took_s:4.1f} s  {where}  log {log}")
    elif not supervisor.stopping:
        say(f"{program.name:10} is not ready  {where}  log {log}: {program.last_line}")
    return took_s is not None


def stop(_: argparse.Namespace) -> int:
    """Stops what `up` started, and waits until it is gone."""
    place = Place(Workspace().serving)
    pid = place.holder()
    if pid is None:
        raise NotRunningError("nothing serves here")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_S
    while place.holder() is not None:
        if time.monotonic() > until:
            print(f"stop: process {pid} did not end within {STOP_S:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.05)
    return 0
