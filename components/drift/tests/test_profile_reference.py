"""The reference that is worked out once: the same bytes however often, read back as it was, and of no other release."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.release import Release, open_bundle, write_bundle
from windsock.drift.profile_reference import FILE, Profile

sys.path.insert(0, str(Path(__file__).parent))
from stalls import A_DAY, COLUMNS, DAYS, THRESHOLD, Stalls, probability


@pytest.fixture
def stalls(tmp_path) -> Stalls:
    return Stalls(tmp_path)


def test_the_same_release_and_training_set_give_the_same_bytes(stalls):
    first, again = (open_artifact(stalls.profile(name), "reference") for name in ("one", "two"))
    assert first.digest == again.digest
    assert first.origin.as_of == ""
    assert first.origin.inputs["release"] == open_bundle(stalls.release).digest


def test_it_holds_the_history_with_scores_and_what_the_rules_decide(stalls):
    profile = Profile.read(stalls.profile())
    assert len(profile.history.days) == DAYS * A_DAY
    assert np.allclose(profile.scores, probability(stalls.history), atol=1e-6)
    assert np.array_equal(profile.history.rows, stalls.history)
    # The rules say 0.2 of even stalls and 0.3 of odd ones, and act from 0.25 or so on.
    assert profile.history.rules_act.tolist()[:4] == [False, True, False, True]
    assert profile.wins.wins.shape == (DAYS, DAYS)
    assert profile.wins.events.sum() == stalls.history_label.sum()


def test_a_reference_of_another_release_is_refused(stalls):
    stalls.profile()
    shutil.rmtree(stalls.release)
    with new_artifact(stalls.release, "release", Origin("register_model")) as directory:
        release = Release("stalls-2", "model", THRESHOLD, COLUMNS, "2024-05-02")
        write_bundle(directory, release, stalls.use_case, stalls.root / "model.onnx")
    with pytest.raises(InputError, match="reference"):
        stalls.run()


def test_a_release_that_answers_by_rules_has_learned_from_nothing(stalls):
    shutil.rmtree(stalls.release)
    with new_artifact(stalls.release, "release", Origin("rules_release")) as directory:
        write_bundle(directory, Release("rules", "rules", THRESHOLD), stalls.use_case)
    stalls.by_rules[:] = True
    assert not (stalls.profile() / FILE).exists()
    verdict, ask = stalls.run()
    assert (verdict.outcome.value, ask) == ("inconclusive", "nothing")


@pytest.mark.parametrize("content", [b"", b"no arrays", None], ids=["empty", "other", "missing"])
def test_what_is_no_reference_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match="reference"):
        Profile.read(tmp_path)


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / FILE, days=np.asarray([object()], dtype=object))
    with pytest.raises(InputError, match="reference"):
        Profile.read(tmp_path)
