"""Releases that must not be let in: each is refused, in one line that says why, and no byte of it is run."""

import json
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import stage
from onnx import TensorProto, helper, numpy_helper
from windsock.contracts.artifact import MANIFEST, Origin, seal
from windsock.contracts.errors import InputError
from windsock.predictor.examine import examine
from windsock.predictor.release import load_release

TRAP = Path(tempfile.gettempdir()) / "windsock-trap"


class Trap:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def model_with(initializer, sparse=None, functions=()):
    """A model whose one weight is `initializer`."""
    node = helper.make_node("MatMul", ["rows", "weights"], ["probability"])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 5])
    out = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([node], "odd", [rows], [out], [] if initializer is None else [initializer])
    if sparse is not None:
        graph.sparse_initializer.append(sparse)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model.functions.extend(functions)
    return model.SerializeToString()


def external():
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[5, 1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return model_with(tensor)


def nested_external():
    """External data in a constant inside a branch."""
    tensor = TensorProto(name="inner", data_type=TensorProto.FLOAT, dims=[5, 1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    constant = helper.make_node("Constant", [], ["inner"], value=tensor)
    out = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [5, 1])
    branch = helper.make_graph([constant], "branch", [], [out])
    yes = numpy_helper.from_array(np.array(True), "yes")
    choice = helper.make_node("If", ["yes"], ["weights"], then_branch=branch, else_branch=branch)
    product = helper.make_node("MatMul", ["rows", "weights"], ["probability"])
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 5])
    result = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([choice, product], "odd", [rows], [result], [yes])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def bomb():
    """A few hundred bytes that ask for 400 GB."""
    shape = numpy_helper.from_array(np.array([100_000, 1_000_000], np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["rows", "sum"], ["probability"]),
    ]
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 5])
    out = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, None])
    graph = helper.make_graph(nodes, "bomb", [rows], [out], [shape])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def weights(columns=5):
    return numpy_helper.from_array(np.ones((columns, 1), np.float32), "weights")


def function():
    node = helper.make_node("Identity", ["a"], ["b"])
    return helper.make_function("mine", "f", ["a"], ["b"], [node], [helper.make_opsetid("", 20)])


MODELS = {
    "a pickle with ONNX's name": (pickle.dumps({"a": 1}), "no ONNX|without nodes"),
    "text": (b"not a model", "no ONNX|without nodes"),
    "an empty file": (b"\n", "no ONNX|without nodes"),
    "data outside the file": (external(), "data outside the file"),
    "data outside the file, in a branch": (nested_external(), "data outside the file"),
    "functions of its own": (model_with(weights(), functions=[function()]), "without functions"),
    "another number of columns": (model_with(weights(6)), "ONNX Runtime loads|scores a row"),
    "a weight that is missing": (model_with(None), "ONNX Runtime loads"),
    "a memory bomb": (bomb(), "memory|scores a row|ONNX Runtime loads"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_may_not_be_let_in(tmp_path, name):
    content, why = MODELS[name]
    stage.make_bundle(tmp_path / "release", model=content)
    with pytest.raises(InputError, match=why) as refused:
        load_release(tmp_path / "release")
    assert "\n" not in str(refused.value)


def resealed(directory):
    """Gives a changed bundle a manifest that fits, as an attacker would."""
    (directory / MANIFEST).unlink()
    seal(directory, "release", Origin(step="test"))


def changed_byte(directory):
    content = bytearray((directory / "model.onnx").read_bytes())
    content[-1] ^= 1
    (directory / "model.onnx").write_bytes(content)


def added_pickle(directory):
    (directory / "model.pkl").write_bytes(pickle.dumps(Trap(TRAP)))
    resealed(directory)


def added_joblib(directory):
    (directory / "use_case" / "model.joblib").write_bytes(pickle.dumps(Trap(TRAP)))
    resealed(directory)


def pickle_for_model(directory):
    (directory / "model.onnx").write_bytes(pickle.dumps(Trap(TRAP)))
    resealed(directory)


def lost_file(directory):
    (directory / "use_case" / "derive.py").unlink()


def added_file(directory):
    (directory / "extra.json").write_text("{}")


def link(directory):
    (directory / "extra.json").symlink_to("/etc/passwd")


def pipe(directory):
    os.mkfifo(directory / "extra.json")


def manifest_with(**changes):
    def change(directory):
        manifest = json.loads((directory / MANIFEST).read_text())
        for name, value in changes.items():
            manifest[name] = {**manifest[name], **value} if isinstance(value, dict) else value
        (directory / MANIFEST).write_text(json.dumps(manifest))

    return change


def release_with(**changes):
    def change(directory):
        path = directory / "release.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        resealed(directory)

    return change


def no_definitions(directory):
    (directory / "use_case" / "features.py").unlink()
    resealed(directory)


def broken_settings(directory):
    with (directory / "use_case" / "use_case.toml").open("a") as file:
        file.write("\n[surprise]\nx = 1\n")
    resealed(directory)


def deep_manifest(directory):
    (directory / MANIFEST).write_text("[" * 100_000)


BUNDLES = {
    "a changed byte": (changed_byte, "changed"),
    "a pickle beside the model": (added_pickle, "model.pkl"),
    "a joblib file in the use case": (added_joblib, "model.joblib"),
    "a pickle in the model's place": (pickle_for_model, "no ONNX|without nodes"),
    "a file that is gone": (lost_file, "missing"),
    "a file too many": (added_file, "not in the manifest"),
    "a link out of the bundle": (link, "a plain file"),
    "a named pipe": (pipe, "a plain file"),
    "a manifest that climbs out": (manifest_with(files={"../../etc/passwd": "0" * 64}), "inside the artifact"),
    "a manifest with an absolute path": (manifest_with(files={"/etc/passwd": "0" * 64}), "inside the artifact"),
    "another digest": (manifest_with(digest="sha256:" + "0" * 64), "digest"),
    "another kind": (manifest_with(kind="snapshot"), "kind"),
    "a manifest nested without end": (deep_manifest, "valid JSON"),
    "no manifest": (lambda directory: (directory / MANIFEST).unlink(), "a file that exists"),
    "a setting of release.json that nobody knows": (release_with(hook="os.system"), "release.hook"),
    "a threshold that is none": (release_with(threshold=7), "release.threshold"),
    "rules that bring a model": (release_with(answers_with="rules"), "answers_with"),
    "columns that are not derive's": (release_with(columns=["a", "b", "c", "d", "e"]), "release.columns"),
    "a setting of the use case that nobody knows": (broken_settings, "surprise"),
    "no feature definitions": (no_definitions, "features"),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_that_may_not_be_let_in(tmp_path, name):
    change, why = BUNDLES[name]
    bundle = stage.make_bundle(tmp_path / "release")
    change(bundle.artifact.path)
    known = tmp_path / "known"
    if name == "columns that are not derive's":
        stage.note_plan(stage.reopened(bundle), known)
    with pytest.raises(InputError, match=why) as refused:
        load_release(bundle.artifact.path, known=known)
    assert "\n" not in str(refused.value)
    assert not TRAP.exists()


def test_feast_says_of_the_definitions_what_the_tests_assume(bundle, tmp_path, monkeypatch):
    assert examine(bundle, tmp_path) == stage.PLAN
    monkeypatch.setattr("windsock.predictor.examine._examine_apart", lambda _: pytest.fail("examined twice"))
    assert examine(bundle, tmp_path) == stage.PLAN


def test_a_note_that_is_no_plan_is_examined_again(bundle, tmp_path, monkeypatch):
    note = tmp_path / f"{bundle.digest.removeprefix('sha256:')}.json"
    monkeypatch.setattr("windsock.predictor.examine._examine_apart", lambda _: stage.PLAN)
    for content in ("", "[]", '{"project": 7}', '{"project": "p", "views": [7]}'):
        note.write_text(content)
        assert examine(bundle, tmp_path) == stage.PLAN
