"""A rollout goes on whatever happens to the processes that drive it."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import COSTS, Rates
from windsock.contracts.errors import InputError
from windsock.contracts.rollout_settings import FULL, Rollout
from windsock.release.history import Kind, Phase, fold
from windsock.release.rollout import Release, advance, roll_back, start
from windsock.release.traffic import Unsplit
from world import CANDIDATE, SERVING, START, Edge, World, run_world

SETTINGS = Rollout(step_s=10.0, slow=(), probation_days=0)


def begin(world, settings=SETTINGS):
    release = Release(world.store, world.edge, world.look, settings, COSTS)
    start(release, SERVING, CANDIDATE, world.now)
    return release


def sums_to_full(world):
    return all(sum(weights.values()) == FULL for weights in world.edge.seen)


def history_is_sound(world):
    """Numbers without a gap, steps in their order, and no move after the end."""
    entries = world.store.entries
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    moves = [entry.weight for entry in entries if entry.kind is Kind.MOVED]
    assert moves == list(SETTINGS.steps[: len(moves)])
    ends = [entry.number for entry in entries if entry.kind in (Kind.ROLLED_BACK, Kind.SETTLED, Kind.VOIDED)]
    assert len(ends) <= 1
    assert not ends or ends[0] == len(entries)


@pytest.mark.parametrize("kind,rollouts", [("equal", 120), ("fails", 440), ("fails now and then", 440)])
def test_a_thousand_rollouts_under_kills_delays_and_doubles(kind, rollouts):
    """1,000 of them. Whatever is killed or late: weights sum to 100, one process wins, no bad one gets past half."""
    rates = {"equal": Rates(), "fails": Rates(failed=0.4, fallback=0.4)}.get(kind, Rates(failed=0.021, fallback=0.03))
    past_half = finished = 0
    for seed in range(rollouts):
        world = World(np.random.default_rng([seed, len(kind)]), rates)
        begin(world)
        run_world(world, SETTINGS, COSTS, turns=32 if kind == "equal" else 12)
        assert sums_to_full(world)
        history_is_sound(world)
        past_half += any(weights.get(CANDIDATE, 0) > 50 for weights in world.edge.seen)
        finished += fold(world.store.entries).phase is Phase.IDLE
    assert past_half <= (0.001 * rollouts if kind != "equal" else rollouts)
    assert finished >= 0.9 * rollouts


def test_what_chaos_left_behind_is_finished_by_one_quiet_turn_after_another():
    for seed in range(20):
        world = World(np.random.default_rng([seed, 99]), Rates())
        release = begin(world)
        run_world(world, SETTINGS, COSTS, turns=6)
        for _ in range(60):
            world.tick(5)
            state = advance(release, world.now).state
        assert state.phase is Phase.IDLE
        assert state.serving == CANDIDATE
        assert world.edge.get_weights() == {CANDIDATE: FULL}


def test_a_late_process_does_not_put_a_refused_release_back():
    """It wrote that the release moves on, fell asleep before it touched the traffic, and wakes after a rollback."""
    world = World(np.random.default_rng(1), Rates())
    release = begin(world)
    for _ in range(8):
        world.tick(5)
        advance(release, world.now)

    class Sleepy(Edge):
        """Runs something else just before weights are set."""

        def set_weights(self, wanted):
            roll_back(release, SERVING, world.now, "meanwhile")
            world.edge.set_weights(wanted)

        def ready(self, wanted):
            return world.edge.ready(wanted)

    world.tick(60)
    turn = advance(replace(release, traffic=Sleepy()), world.now)
    assert turn.decision.kind is Kind.MOVED
    assert fold(world.store.read()).phase is Phase.IDLE
    assert "after" in turn.message
    assert world.edge.get_weights() == {SERVING: FULL}


def test_nothing_is_decided_before_the_traffic_follows():
    world = World(np.random.default_rng(2), Rates())
    release = begin(world)

    class Stuck(Edge):
        def set_weights(self, wanted):
            return None

    world.tick(600)
    turn = advance(replace(release, traffic=Stuck()), world.now)
    assert turn.message == "not there yet"
    assert len(world.store.entries) == 1


def test_a_candidate_that_dies_after_it_was_confirmed_is_judged_and_comes_off():
    """An edge without a healthy server of the candidate is not ready, and that must not keep anybody from judging."""
    world = World(np.random.default_rng(11), Rates())
    release = begin(world)
    for _ in range(8):
        world.tick(5)
        advance(release, world.now)
    assert world.edge.get_weights()[CANDIDATE] > 0

    class Unhealthy(Edge):
        def __init__(self):
            self.__dict__ = world.edge.__dict__

        def ready(self, wanted):
            return super().ready(wanted) or ("no server is healthy" if CANDIDATE in wanted.weights else "")

    world.candidate = Rates(failed=1.0, fallback=1.0)
    for _ in range(4):
        world.tick(2)
        advance(replace(release, traffic=Unhealthy()), world.now)
    assert world.edge.get_weights() == {SERVING: FULL}
    assert world.store.entries[-1].kind is Kind.ROLLED_BACK


def test_an_undecided_step_holds_once_and_says_so():
    settings = replace(SETTINGS, step_requests=10**6, step_deadline_s=60.0)
    world = World(np.random.default_rng(3), Rates())
    release = begin(world, settings)
    for _ in range(30):
        world.tick(5)
        state = advance(release, world.now).state
    assert state.held
    assert state.weight == 0
    assert [entry.kind for entry in world.store.entries].count(Kind.HELD) == 1


def test_what_was_refused_is_not_tried_again_unless_asked():
    world = World(np.random.default_rng(4), Rates(failed=0.5, fallback=0.5))
    release = begin(world)
    for _ in range(10):
        world.tick(5)
        state = advance(release, world.now).state
    assert CANDIDATE in state.failed
    with pytest.raises(InputError, match="refused before"):
        start(release, SERVING, CANDIDATE, world.now)
    assert start(release, SERVING, CANDIDATE, world.now, again=True).state.phase is Phase.ROLLING


def test_a_decision_carries_what_it_was_taken_on():
    world = World(np.random.default_rng(5), Rates(failed=0.5, fallback=0.5))
    release = begin(world)
    for _ in range(10):
        world.tick(5)
        advance(release, world.now)
    last = world.store.entries[-1]
    assert last.kind is Kind.ROLLED_BACK
    findings = {finding["check"]: finding for finding in last.details["operation"]["findings"]}
    assert findings["failed"]["outcome"] == "refused"
    assert findings["failed"]["interval"][0] > 0
    assert last.reason.startswith("failed: ")


@pytest.mark.parametrize("changes,named", [
    ({"candidate": SERVING}, "a release that does not serve already"),
    ({"serving": "other"}, "which serves as the history says"),
])  # fmt: skip
def test_a_start_that_makes_no_sense_is_refused(changes, named):
    world = World(np.random.default_rng(6), Rates())
    release = begin(world)
    roll_back(release, SERVING, world.now, "enough")
    with pytest.raises(InputError, match=named):
        start(release, **{"serving": SERVING, "candidate": "third", "now": world.now, **changes})


def test_one_rollout_at_a_time():
    world = World(np.random.default_rng(7), Rates())
    release = begin(world)
    with pytest.raises(InputError, match="rolling"):
        start(release, SERVING, "third", world.now)


def test_a_person_rolls_back_in_one_step_and_twice_is_once():
    world = World(np.random.default_rng(8), Rates())
    release = begin(world)
    for _ in range(12):
        world.tick(5)
        advance(release, world.now)
    assert world.edge.get_weights()[CANDIDATE] > 0
    for _ in range(2):
        roll_back(release, SERVING, world.now, "by hand")
        assert world.edge.get_weights() == {SERVING: FULL}
    assert [entry.kind for entry in world.store.entries].count(Kind.ROLLED_BACK) == 1


def test_rolling_back_to_a_third_release_leaves_both():
    world = World(np.random.default_rng(9), Rates())
    release = begin(world)
    state = roll_back(release, "rules", world.now, "both are bad").state
    assert (state.serving, state.previous) == ("rules", SERVING)
    assert world.edge.get_weights() == {"rules": FULL}
    with pytest.raises(InputError, match="another one"):
        roll_back(replace(release, store=type(world.store)()), "rules", world.now, "no", serving="rules")


def test_without_traffic_to_split_a_release_serves_at_once(tmp_path):
    world = World(np.random.default_rng(10), Rates())
    release = Release(world.store, Unsplit(tmp_path), world.look, SETTINGS, COSTS)
    start(release, SERVING, CANDIDATE, START)
    for _ in range(3):
        state = advance(release, START).state
    assert (state.phase, state.serving) == (Phase.IDLE, CANDIDATE)
    assert Unsplit(tmp_path).get_weights() == {CANDIDATE: FULL}


@pytest.mark.parametrize(("copies", "able"), [("always", False), ("never", True), ("first", True)])
def test_copies_that_nobody_sends_are_not_missed(copies, able):
    world = World(np.random.default_rng(5), Rates())
    world.edge.copies = able
    release = begin(world, replace(SETTINGS, copies=copies))

    def look(state):
        found = world.look(state)
        # Whoever reads records sees requests without a copy, and cannot know that none was sent.
        return replace(found, evidence=replace(found.evidence, copies=(5_000, 0))) if state.weight else found

    for _ in range(60):
        world.tick(5)
        advance(replace(release, look=look), world.now)
    assert world.store.entries[-1].kind is Kind.SETTLED
