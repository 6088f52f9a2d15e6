"""A release is one immutable bundle; what could run code on load, or is not what its name says, does not open."""

import pickle
from pathlib import Path

import pytest
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import write_json
from windsock.contracts.release import (
    FILE,
    KIND,
    MODEL,
    Registry,
    Release,
    load_use_case_module,
    open_bundle,
    rules_release,
    write_bundle,
)

RULES = Release("rules", "rules", 0.5)
LEARNED = Release("learned", "model", 0.3, ("a", "b"), "2013-07-01T00:00:00Z", {"cost": 1.5})


@pytest.fixture
def use_case(tmp_path):
    with new_artifact(tmp_path / "use_case", "use_case", Origin("pack")) as directory:
        (directory / "use_case.toml").write_text("name = 'small'")
        (directory / "fallback.py").write_text("def probability(request):\n    return 0.25\n")
        (directory / "rules").mkdir()
        (directory / "rules" / "one.sql").write_text("select 1")
    return open_artifact(tmp_path / "use_case")


@pytest.fixture
def bundle(tmp_path, use_case):
    """Makes a bundle, with more files or another `release.json` where a test asks for them."""

    def make(release=RULES, model=None, more=None, name="bundle") -> Path:
        with new_artifact(tmp_path / name, KIND, Origin("register")) as directory:
            path = None
            if model is not None:
                path = tmp_path / "trained"
                path.write_bytes(model)
            write_bundle(directory, release, use_case.path, path)
            for file, content in (more or {}).items():
                (directory / file).parent.mkdir(parents=True, exist_ok=True)
                (directory / file).write_bytes(content)
        return tmp_path / name

    return make


def test_a_bundle_reads_back_as_it_was_written(bundle):
    opened = open_bundle(bundle(LEARNED, b"onnx"))
    assert opened.release == LEARNED
    assert opened.model.read_bytes() == b"onnx"
    assert (opened.use_case / "rules" / "one.sql").read_text() == "select 1"
    assert not (opened.use_case / "manifest.json").exists()


@pytest.mark.parametrize(
    "name",
    ["model.pkl", "model.joblib", "weights.npy", "use_case/__init__.pyc", "drift.dill", "model", "model.onnx.pkl"],
)
def test_what_could_run_code_on_load_is_refused(bundle, name):
    with pytest.raises(InputError, match=rf"^release file: got '{name}', expected one of"):
        open_bundle(bundle(more={name: pickle.dumps({})}))


def test_a_pickle_under_the_name_of_a_setting_is_no_setting(bundle):
    with pytest.raises(InputError, match=rf"^{FILE}: got .*, expected valid JSON"):
        open_bundle(bundle(more={FILE: pickle.dumps({"name": "x"})}))


def test_a_renamed_file_is_refused(bundle):
    path = bundle(LEARNED, b"onnx")
    (path / MODEL).rename(path / "other.onnx")
    with pytest.raises(InputError, match=r"got '(missing|not in the manifest)'"):
        open_bundle(path)


def test_files_that_changed_places_are_refused(bundle):
    path = bundle(more={"use_case/derive.py": b"other = 1"})
    one, other = path / "use_case" / "derive.py", path / "use_case" / "fallback.py"
    content = one.read_bytes(), other.read_bytes()
    other.write_bytes(content[0])
    one.write_bytes(content[1])
    with pytest.raises(InputError, match=r"got 'changed'"):
        open_bundle(path)


@pytest.mark.parametrize(
    "release, model, line",
    [
        (LEARNED, None, "release.answers_with: got 'model', expected `model` exactly when there is a model.onnx"),
        (RULES, b"onnx", "release.answers_with: got 'rules', expected `model` exactly when there is a model.onnx"),
        (Release("x", "chance", 0.5), None, "release.answers_with: got 'chance', expected one of model, rules"),
        (Release("x", "rules", 1.5), None, "release.threshold: got 1.5, expected a number from 0 to 1"),
    ],
)
def test_a_release_that_contradicts_its_files_is_refused(bundle, release, model, line):
    with pytest.raises(InputError) as error:
        open_bundle(bundle(release, model))
    assert str(error.value) == line


def test_another_kind_of_artifact_is_no_release(use_case):
    with pytest.raises(InputError, match=r"^kind of use_case: got 'use_case', expected 'release'"):
        open_bundle(use_case.path)


def test_the_rules_release_is_the_same_for_the_same_use_case(use_case, tmp_path):
    first = rules_release(use_case, 0.3, tmp_path / "store")
    assert rules_release(use_case, 0.3, tmp_path / "store").digest == first.digest
    assert first.release.answers_with == "rules"
    assert first.artifact.origin.inputs == {"use_case": use_case.digest}
    assert load_use_case_module(first, "fallback").probability({}) == 0.25


def test_a_registry_keeps_releases_by_digest_and_names_one(bundle, tmp_path):
    registry = Registry(tmp_path / "registry")
    assert registry.production() is None
    first = registry.add(open_bundle(bundle()))
    second = registry.add(open_bundle(bundle(LEARNED, b"onnx", name="other")))
    assert registry.add(open_bundle(bundle(name="again"))).digest == first.digest
    registry.promote(first.digest, {"run": "1"})
    assert registry.production() == first
    registry.promote(second.digest, {"run": "2", "digest": "what a fact cannot say"})
    assert registry.production() == second
    assert registry.get(first.digest) == first
    assert len(list((tmp_path / "registry").iterdir())) == 3


def test_a_registry_knows_who_waits_who_was_refused_and_who_came_before(bundle, tmp_path):
    registry = Registry(tmp_path / "registry")
    assert (registry.candidate(), registry.previous()) == (None, None)
    first = registry.add(open_bundle(bundle()))
    second = registry.add(open_bundle(bundle(LEARNED, b"onnx", name="other")))
    registry.promote(first.digest, {})
    registry.propose(second.digest, {"run": "2"})
    assert registry.candidate() == second
    registry.refuse(second.digest, {"reason": "worse"})
    assert registry.candidate() is None
    assert registry.refused(second.digest) == {"reason": "worse", "digest": second.digest}
    assert registry.refused(first.digest) is None
    registry.propose(second.digest, {"run": "2, again"})
    for _ in range(2):
        registry.promote(second.digest, {})
    assert (registry.candidate(), registry.production(), registry.previous()) == (None, second, first)


def test_a_registered_release_that_was_changed_is_not_served(bundle, tmp_path):
    registry = Registry(tmp_path / "registry")
    kept = registry.add(open_bundle(bundle()))
    (kept.use_case / "fallback.py").write_text("def probability(request):\n    return 1.0\n")
    with pytest.raises(InputError, match=r"got 'changed'"):
        registry.get(kept.digest)
    with pytest.raises(InputError, match=r"got 'changed'"):
        registry.promote(kept.digest, {})
    assert registry.production() is None


def test_a_release_under_another_s_name_is_refused(bundle, tmp_path):
    registry = Registry(tmp_path / "registry")
    kept = registry.add(open_bundle(bundle()))
    name = "0" * 64
    kept.artifact.path.rename(tmp_path / "registry" / name)
    with pytest.raises(InputError, match=rf"^release digest: got '{kept.digest}', expected sha256:{name}"):
        registry.get(f"sha256:{name}")


@pytest.mark.parametrize(
    "digest", ["../bundle", "sha256:../bundle", "/etc", "", "sha256:" + "A" * 64, "sha256:" + "0" * 63, None, 7]
)
def test_a_digest_cannot_lead_out_of_the_registry(bundle, tmp_path, digest):
    bundle()
    registry = Registry(tmp_path / "registry")
    with pytest.raises(InputError, match=r"^release digest: got .*, expected sha256: and 64 hexadecimal digits"):
        registry.get(digest)
    write_json(registry.root / "production.json", {"digest": digest})
    with pytest.raises(InputError, match=r"^release digest: got"):
        registry.production()


@pytest.mark.parametrize("content", ["", "[]", "{}", '"sha256:"'])
def test_a_broken_production_pointer_is_one_line(tmp_path, content):
    (tmp_path / "production.json").write_text(content)
    with pytest.raises(InputError, match=r"^production pointer: got"):
        Registry(tmp_path).production()
