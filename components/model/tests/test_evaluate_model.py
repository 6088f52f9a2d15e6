"""The gate on real trained models: a good one passes; shuffled, old, constant, leaking and unlike ones do not."""

import json

import numpy as np
import pyarrow as pa
import pytest
from orders_world import DERIVE, USE_CASE, VIEW, orders, register, replaced
from windsock.contracts.artifact import Origin, open_artifact, seal
from windsock.contracts.errors import InputError
from windsock.contracts.release import open_bundle, rules_release
from windsock.contracts.verdict import Outcome, Verdict

PASSED, REFUSED, OPEN = Outcome.PASSED, Outcome.REFUSED, Outcome.INCONCLUSIVE


def against(verdict):
    """The checks that stand against passing, with their outcomes."""
    return {finding.check: finding.outcome for finding in verdict.reasons}


def found(verdict, check):
    return next(finding for finding in verdict.findings if finding.check == check)


@pytest.fixture(scope="module")
def first_verdict(world, verdict):
    return Verdict.read(verdict.path)


def test_a_good_model_passes_against_the_rules(first_verdict):
    assert against(first_verdict) == {}
    cost = found(first_verdict, "cost/production")
    assert cost.interval[1] < 0
    assert "the rules" in cost.message
    assert found(first_verdict, "cost/never_acting").effect < cost.effect
    assert found(first_verdict, "parity/held_out").effect <= 1e-5
    assert found(first_verdict, "parity/odd_values").effect <= 1e-5


def test_every_finding_says_where_its_bound_comes_from(first_verdict):
    judged = [finding for finding in first_verdict.findings if not finding.check.startswith("slice/small")]
    assert all(finding.threshold_origin for finding in judged)
    assert {finding.owner for finding in judged} <= {"logistics", ""}


def test_slices_are_judged_and_small_ones_named(first_verdict):
    checks = {finding.check for finding in first_verdict.findings}
    for kind in ("cost", "auc", "calibration"):
        assert {f"slice/{kind}/region={region}" for region in ("east", "north", "west")} <= checks
    assert "tiny" in found(first_verdict, "slice/small/region").message


def test_the_report_and_the_figures_are_there(world, verdict):
    report = (world.root / "judged" / "report").read_text()
    assert report.startswith("<!doctype html>")
    assert "<script" not in report
    for text in ("Will this order be late?", "never acting", "EUR per 1,000", "region=north", "acts from 0.25"):
        assert text in report
    measured = json.loads((verdict.path / "measured.json").read_text())
    assert 0.6 < measured["auc"] < 0.95
    assert measured["cost_per_1000"] < measured["production_cost_per_1000"] < measured["never_acting_cost_per_1000"]
    assert measured["score_q05"] < measured["score_q50"] < measured["score_q95"]


def test_the_same_inputs_give_the_same_verdict(world, inputs, verdict):
    world.judge("judged-again", inputs)
    assert open_artifact(world.root / "judged-again" / "verdict").digest == verdict.digest


def test_a_model_of_shuffled_labels_is_refused(world, use_case, table, rules):
    labels = np.random.default_rng(5).permutation(table["late"].to_numpy())
    training_set = world.training_set("shuffled", use_case, replaced(table, "late", labels))
    model = world.train("from-shuffled", use_case, training_set)
    inputs = {"use_case": use_case, "training_set": training_set, "model": model, "production": rules}
    verdict = world.judge("judged-shuffled", inputs)
    assert verdict.outcome is REFUSED
    assert against(verdict)["quality/auc"] is REFUSED


def test_a_constant_model_is_refused(world, table):
    constant = USE_CASE.replace("max_iter = 40", "max_iter = 1\nmin_samples_leaf = 1000000")
    use_case = world.use_case("constant", use_case=constant)
    training_set = world.training_set("set-constant", use_case, table)
    rules = world.sealed("rules-constant", "release", open_artifact(_rules(world, use_case)), {})
    inputs = {"use_case": use_case, "training_set": training_set, "production": rules}
    verdict = world.judge("judged-constant", {**inputs, "model": world.train("constant-model", use_case, training_set)})
    assert against(verdict)["score/spread"] is REFUSED
    assert against(verdict)["quality/auc"] is REFUSED
    assert "cost/production" in against(verdict)


def _rules(world, use_case):
    return rules_release(use_case, 0.25, world.root / "releases").artifact.path


@pytest.fixture(scope="module")
def old_model(world, use_case):
    """A model of a time when the load meant the opposite."""
    return world.train("from-old", use_case, world.training_set("old", use_case, orders(load_effect=-1.1, seed=9)))


def test_an_old_model_is_refused_by_what_it_was_made_from(world, inputs, old_model):
    verdict = world.judge("judged-old", {**inputs, "model": old_model})
    assert against(verdict)["lineage/training_set"] is REFUSED
    assert "another training_set" in found(verdict, "lineage/training_set").message


def test_an_old_model_under_a_forged_lineage_is_refused_by_what_it_costs(world, inputs, old_model, registered):
    origin = {"use_case": inputs["use_case"].digest, "training_set": inputs["training_set"].digest}
    forged = world.sealed("forged", "model", old_model, origin)
    verdict = world.judge("judged-forged", {**inputs, "model": forged, "production": registered})
    assert "lineage/training_set" not in against(verdict)
    assert against(verdict)["cost/production"] is REFUSED
    assert against(verdict)["quality/auc"] is REFUSED
    assert any(check.startswith("slice/cost/") for check in against(verdict))


def test_a_model_that_saw_the_held_out_time_is_refused(world, inputs, model):
    facts = json.loads((model.path / "model.json").read_text())
    facts["windows"]["evaluation_from"] = facts["windows"]["end"]
    origin = {"use_case": inputs["use_case"].digest, "training_set": inputs["training_set"].digest}
    peeked = world.sealed("peeked", "model", model, origin)
    (peeked.path / "manifest.json").unlink()
    (peeked.path / "model.json").write_text(json.dumps(facts))
    verdict = world.judge("judged-peeked", {**inputs, "model": seal(peeked.path, "model", Origin("x", inputs=origin))})
    assert against(verdict) == {"lineage/held_out": REFUSED}


def test_an_export_that_says_something_else_is_refused(world, inputs, model, old_model):
    origin = {"use_case": inputs["use_case"].digest, "training_set": inputs["training_set"].digest}
    swapped = world.sealed("swapped", "model", model, origin)
    (swapped.path / "model.skops").write_bytes((old_model.path / "model.skops").read_bytes())
    resealed = seal(swapped.path, "model", Origin("x", inputs=origin))
    verdict = world.judge("judged-swapped", {**inputs, "model": resealed})
    assert against(verdict) == {"parity/held_out": REFUSED, "parity/odd_values": REFUSED}


def test_a_feature_that_knows_the_answer_waits_for_a_person(world, use_case, table, rules):
    leaking = replaced(table, "load", table["late"].to_numpy().astype(np.float32))
    training_set = world.training_set("leak", use_case, leaking)
    model = world.train("from-leak", use_case, training_set)
    inputs = {"use_case": use_case, "training_set": training_set, "model": model, "production": rules}
    assert against(world.judge("judged-leak", inputs))["quality/auc_believable"] is OPEN


def test_too_few_rows_settle_nothing(world, table):
    strict = world.use_case("strict", use_case=USE_CASE.replace("minimum_rows = 500", "minimum_rows = 50000"))
    training_set = world.training_set("set-strict", strict, table)
    model = world.train("strict-model", strict, training_set)
    rules = open_artifact(_rules(world, strict))
    inputs = {"use_case": strict, "training_set": training_set, "model": model, "production": rules}
    verdict = world.judge("judged-strict", inputs)
    assert verdict.outcome is OPEN
    assert against(verdict) == {"size/rows": OPEN}


def test_a_held_out_time_without_the_event_is_refused_with_a_report(world, use_case, table, rules):
    labels = table["late"].to_numpy().copy()
    labels[-4000:] = 0
    training_set = world.training_set("eventless", use_case, replaced(table, "late", labels))
    model = world.train("eventless-model", use_case, training_set)
    inputs = {"use_case": use_case, "training_set": training_set, "model": model, "production": rules}
    verdict = world.judge("judged-eventless", inputs)
    assert against(verdict) == {"labels/both": REFUSED}
    assert "0 rows with the event" in (world.root / "judged-eventless" / "report").read_text()


def test_the_same_model_again_is_within_the_margin_of_production(world, inputs, registered):
    verdict = world.judge("judged-same", {**inputs, "production": registered})
    assert against(verdict) == {}
    assert found(verdict, "cost/production").effect == 0
    assert found(verdict, "cost/the_rules").interval[1] < 0


def test_later_releases_carry_the_first_model_and_are_held_against_it(world, inputs, registered):
    assert not (registered.path / "first").exists()
    world.judge("second", {**inputs, "production": registered})
    second = register(world, "second-release", inputs, open_artifact(world.root / "second" / "verdict"))
    bundle = open_bundle(second.path)
    assert (second.path / "first" / "model.onnx").read_bytes() == (registered.path / "model.onnx").read_bytes()
    verdict = world.judge("third", {**inputs, "production": bundle.artifact})
    assert found(verdict, "cost/the_first_model").outcome is PASSED


@pytest.fixture(scope="module")
def unlike(world, table):
    """A release whose derive.py makes other columns, in another order and unit, from the same raw features."""
    derive = DERIVE.replace('("load", "queue", "north")', '("queue_tenths", "load")').replace(
        'return number("depot__load"), number("depot__queue"), float(request["region"] == "north")',
        'return number("depot__queue") * 10, number("depot__load")',
    )
    use_case = world.use_case("unlike", derive=derive)
    raw = table.append_column("queue_tenths", pa.array((table["queue"].to_numpy() * 10).astype(np.float32)))
    training_set = world.training_set("set-unlike", use_case, raw)
    model = world.train("unlike-model", use_case, training_set)
    rules = open_artifact(_rules(world, use_case))
    inputs = {"use_case": use_case, "training_set": training_set, "model": model, "production": rules}
    world.judge("judged-unlike", inputs)
    return register(world, "unlike-release", inputs, open_artifact(world.root / "judged-unlike" / "verdict"))


def test_production_with_other_columns_decides_on_the_same_rows(world, inputs, unlike):
    verdict = world.judge("against-unlike", {**inputs, "production": unlike})
    cost = found(verdict, "cost/production")
    assert cost.outcome is PASSED
    assert cost.effect < 0  # It has no column for the region, so the candidate is the better one.


def test_without_raw_features_production_with_other_columns_is_one_clear_line(world, use_case, table, unlike, rules):
    training_set = world.training_set("without-raw", use_case, table, raw=False)
    model = world.train("without-raw-model", use_case, training_set)
    inputs = {"use_case": use_case, "training_set": training_set, "model": model}
    with pytest.raises(InputError, match=r"features\.parquet"):
        world.judge("against-unlike-without-raw", {**inputs, "production": unlike})
    assert world.judge("rules-without-raw", {**inputs, "production": rules}).outcome is PASSED


def test_a_raw_feature_that_production_reads_and_nobody_kept_is_named(world, use_case, table, unlike):
    training_set = world.training_set("less-raw", use_case, table.drop(["depot__queue"]))
    model = world.train("less-raw-model", use_case, training_set)
    inputs = {"use_case": use_case, "training_set": training_set, "model": model, "production": unlike}
    with pytest.raises(InputError, match="depot__queue"):
        world.judge("against-unlike-less-raw", inputs)


def test_production_with_other_feature_definitions_cannot_be_compared(world, table, registered):
    changed = world.use_case("redefined", view=VIEW.replace("from loads", "from other_loads"))
    training_set = world.training_set("set-redefined", changed, table)
    model = world.train("redefined-model", changed, training_set)
    inputs = {"use_case": changed, "training_set": training_set, "model": model, "production": registered}
    verdict = world.judge("judged-redefined", inputs)
    assert against(verdict) == {"production/definitions": OPEN}
    assert "views/depot.sql" in found(verdict, "production/definitions").message
