"""The registry is told who was promoted and who was refused, also when a process died before it could say so."""

from datetime import UTC, datetime

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.release import Registry, rules_release
from windsock.contracts.rollout_settings import Rollout
from windsock.release.history import Entry, Kind, Phase, fold
from windsock.release.registered import complete, follow
from windsock.release.rollout import Release, adopt, start
from world import Edge, Memory

NOW = datetime(2013, 7, 1, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path):
    with new_artifact(tmp_path / "use_case", "use_case", Origin("pack")) as directory:
        (directory / "use_case.toml").write_text("name = 'small'")
    use_case = open_artifact(tmp_path / "use_case")
    registry = Registry(tmp_path / "registry")
    for threshold in (0.1, 0.2, 0.3):
        registry.add(rules_release(use_case, threshold, tmp_path / str(threshold)))
    return registry


@pytest.fixture
def digests(registry):
    return [f"sha256:{path.name}" for path in sorted(registry.root.iterdir())]


def entry(number, kind, serving, candidate, weight=0):
    return Entry(number, NOW, kind, serving, candidate, weight, "because")


def test_a_settled_release_goes_into_production(registry, digests):
    old, new, _ = digests
    registry.promote(old, {})
    registry.propose(new, {})
    for _ in range(2):
        follow(registry, [entry(1, Kind.STARTED, old, new), entry(2, Kind.SETTLED, new, old, 100)])
    assert (registry.production().digest, registry.previous().digest) == (new, old)
    assert registry.candidate() is None


def test_a_rolled_back_release_is_named_so_and_a_voided_one_still_waits(registry, digests):
    old, new, _ = digests
    registry.promote(old, {})
    registry.propose(new, {})
    follow(registry, [entry(1, Kind.STARTED, old, new), entry(2, Kind.VOIDED, old, new)])
    assert registry.candidate().digest == new
    follow(registry, [entry(1, Kind.STARTED, old, new), entry(2, Kind.ROLLED_BACK, old, new)])
    assert (registry.candidate(), registry.production().digest) == (None, old)
    assert registry.refused(new)["reason"] == "because"


def test_a_release_that_settled_is_promoted_even_if_the_process_died_in_between(registry, digests):
    old, new, newer = digests
    registry.promote(old, {})
    registry.propose(new, {})
    complete(registry, [entry(1, Kind.STARTED, old, new), entry(2, Kind.SETTLED, new, old, 100)])
    assert registry.production().digest == new
    registry.promote(newer, {})
    complete(registry, [entry(1, Kind.STARTED, old, new), entry(2, Kind.SETTLED, new, old, 100)])
    assert registry.production().digest == newer, "an old end says nothing of what came later"


def test_a_release_that_took_over_without_traffic_is_adopted(digests):
    old, new, newer = digests
    release = Release(Memory(), Edge(), None, Rollout(), None)
    release.store.append(entry(1, Kind.STARTED, old, new))
    with pytest.raises(InputError, match="while"):
        adopt(release, newer, NOW)
    release.store.append(entry(2, Kind.SETTLED, new, old, 100))
    for _ in range(2):
        adopt(release, newer, NOW)
    state = fold(release.store.read())
    assert (state.number, state.phase, state.serving, state.previous) == (3, Phase.IDLE, newer, new)
    start(release, newer, old, NOW)
    assert fold(release.store.read()).candidate == old
