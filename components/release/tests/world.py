"""A small world for rollouts: a second is a tick, requests fall by the weights in force, and actors may die or dawdle.

Actors are threads that take turns, one call to the outside at a time, in an order drawn from a seed. Between any two
such calls one may be killed, or left lying while others go on: what a process may suffer anywhere.
"""

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from simulated import Rates
from windsock.contracts.rollout_settings import FULL
from windsock.release.history import Entry, State
from windsock.release.judge import Evidence, Split
from windsock.release.rollout import Look, Release, advance
from windsock.release.tally import measured, pair_counts, split_counts
from windsock.release.traffic import OvertakenError, Wanted

START = datetime(2013, 7, 1, tzinfo=UTC)
SERVING, CANDIDATE = "serving", "candidate"
CHECKS = ("failed", "fallback")


class Killed(BaseException):
    """The process is gone."""


class Memory:
    """A history in memory, conditional as the real stores are."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def read(self) -> list[Entry]:
        return list(self.entries)

    def append(self, entry: Entry) -> bool:
        if entry.number != len(self.entries) + 1:
            return False
        self.entries.append(Entry.from_json(json.loads(entry.encode()), "entry"))
        return True


class Edge:
    """Traffic that follows its wishes, unless an older one comes after a newer one."""

    splits = copies = True

    def __init__(self) -> None:
        self.weights = {SERVING: FULL}
        self.copies_to = ""
        self.number = 0
        self.seen: list[dict[str, int]] = []

    def set_weights(self, wanted: Wanted) -> None:
        if wanted.number < self.number:
            raise OvertakenError(f"{wanted.number} after {self.number}")
        self.number = wanted.number
        self.weights, self.copies_to = dict(wanted.weights), wanted.copies_to
        self.seen.append(self.weights)

    finalize = set_weights

    def get_weights(self) -> dict[str, int]:
        return dict(self.weights)

    def ready(self, wanted: Wanted) -> str:
        same = (self.weights, self.copies_to) == (dict(wanted.weights), wanted.copies_to)
        return "" if same and self.number >= wanted.number else "not there yet"


@dataclass
class World:
    """Ticks of traffic, what they left behind, and the clock."""

    generator: np.random.Generator
    candidate: Rates
    serving: Rates = field(default_factory=Rates)
    requests: int = 200
    edge: Edge = field(default_factory=Edge)
    store: Memory = field(default_factory=Memory)
    now: datetime = START
    ticks: list[tuple[datetime, int, dict]] = field(default_factory=list)

    def tick(self, seconds: int = 1) -> None:
        """Lets requests come: each falls to a release by the weights in force, and may be copied."""
        weight = self.edge.weights.get(CANDIDATE, 0)
        total = self.requests * seconds
        count = int(self.generator.binomial(total, weight / FULL))
        bad = {}
        for name in CHECKS:
            ours = int(self.generator.binomial(count, self.candidate.of(name)))
            theirs = int(self.generator.binomial(total - count, self.serving.of(name)))
            copied = int(self.generator.binomial(total - count, self.candidate.of(name))) if self.edge.copies_to else 0
            bad[name] = (ours, count, theirs, total - count, copied)
        self.ticks.append((self.now, weight, bad))
        self.now += timedelta(seconds=seconds)

    def look(self, state: State) -> Look:
        """What was recorded in the spans of a state."""
        checks, splits, copies = {}, [], (0, 0)
        for name in CHECKS:
            stretches = []
            for span in state.spans:
                rows = [bad[name] for at, _, bad in self.ticks
                        if span.began_at <= at and (span.ended_at is None or at < span.ended_at)]  # fmt: skip
                ours, count, theirs, others, copied = (sum(column) for column in zip(*rows)) if rows else (0,) * 5
                if 0 < span.weight < FULL:
                    share = span.weight / FULL
                    stretches.append(split_counts(share, 0.0, (ours, count), (theirs, others)))
                    splits.append(Split(share, count, others)) if name == CHECKS[0] else None
                elif span.weight == 0:
                    both = min(copied, theirs)
                    stretches.append(pair_counts(copied - both, theirs - both, both, others))
                    copies = (others, others)
                    splits.append(Split(0.0, 0, others)) if name == CHECKS[0] else None
            checks[name] = measured(stretches) if stretches else None
        known = {name: check for name, check in checks.items() if check is not None}
        return Look(Evidence(known, tuple(splits), copies), {"latency_s": {}})


class Actor(threading.Thread):
    """One process that takes one turn. It stops before and after every call to the outside until it is let on."""

    def __init__(self, world: World, settings, costs, now: datetime) -> None:
        super().__init__(daemon=True)
        self.world, self.now = world, now
        self.go, self.paused = threading.Semaphore(0), threading.Semaphore(0)
        self.killed = self.done = False
        self.error: BaseException | None = None
        look = self.gated(world.look)
        self.release = Release(Gated(world.store, self), Gated(world.edge, self), look, settings, costs)

    def gate(self) -> None:
        self.paused.release()
        self.go.acquire()
        if self.killed:
            raise Killed

    def gated(self, call):
        def stopped(*arguments):
            self.gate()
            result = call(*arguments)
            self.gate()
            return result

        return stopped

    def run(self) -> None:
        self.go.acquire()
        try:
            if not self.killed:
                advance(self.release, self.now)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.done = True
            self.paused.release()

    def step(self) -> None:
        """Lets it on to its next stop."""
        self.go.release()
        self.paused.acquire()
        if self.error is not None:
            raise self.error

    def kill(self) -> None:
        self.killed = True
        while not self.done:
            self.step()


class Gated:
    """Something outside, reached through an actor's gates."""

    def __init__(self, inner, actor: Actor) -> None:
        self.inner, self.actor = inner, actor

    def __getattr__(self, name):
        value = getattr(self.inner, name)
        return self.actor.gated(value) if callable(value) else value


def run_world(world: World, settings, costs, turns: int, chaos: bool = True) -> None:
    """Up to `turns` turns: actors are begun, stepped in any order, killed, and forgotten for a while."""
    actors: list[Actor] = []
    draw = world.generator
    for _ in range(turns):
        world.tick(int(draw.integers(1, 8)))
        for _ in range(1 if not chaos else int(draw.integers(1, 3))):
            actor = Actor(world, settings, costs, world.now)
            actor.start()
            actors.append(actor)
        for _ in range(int(draw.integers(4, 30)) if chaos else 10_000):
            running = [actor for actor in actors if not actor.done]
            if not running:
                break
            chosen = running[int(draw.integers(len(running)))]
            if chaos and draw.random() < 0.03:
                chosen.kill()
            else:
                chosen.step()
        actors = [actor for actor in actors if not actor.done]
    for actor in actors:
        actor.kill()
