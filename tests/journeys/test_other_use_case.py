"""A use case that shares no name with the flights goes through the same chain: train, train again, refuse."""

import json

AS_OF = "2024-06-01"


def rule(message, query):
    """A business rule that refuses at the first row."""
    header = {"table": "trips", "severity": "refuse", "tolerance": 0, "tolerance_a_day": 0, "origin": "a test"}
    header |= {"owner": "pumps", "message": message}
    return "".join(f"-- {name}: {value}\n" for name, value in header.items()) + query + "\n"


def test_the_first_release_beats_the_rules_and_goes_into_production(laptop):
    ended = laptop.train(AS_OF)
    assert ended.code == 0, ended.said
    assert laptop.production() in ended.said
    assert laptop.verdict("evaluate-model")["outcome"] == "passed"
    assert laptop.leftovers() == []


def test_the_same_inputs_give_the_same_model_and_the_chain_of_digests_holds(laptop):
    first = laptop.manifest("train-model", "model")
    assert laptop.train(AS_OF).code in (0, 3)
    assert laptop.manifest("train-model", "model")["digest"] == first["digest"]
    training_set = laptop.manifest("build-training-set", "training_set")
    assert laptop.manifest("train-model", "model")["inputs"]["training_set"] == training_set["digest"]
    judged = laptop.manifest("validate-data", "judged")
    assert training_set["inputs"]["data"] == judged["digest"]
    assert judged["inputs"]["snapshot"] == laptop.manifest("snapshot-data", "snapshot")["digest"]


def test_the_next_month_is_judged_against_the_release_in_production(laptop):
    before = laptop.production()
    ended = laptop.train("2024-07-01")
    assert laptop.manifest("evaluate-model", "verdict")["inputs"]["production"] == before
    # The gate may refuse a candidate that is no better; either way it says so and production is never empty.
    assert ended.code in (0, 3), ended.said
    assert laptop.production()


def test_materialization_goes_through_the_same_gates(laptop):
    ended = laptop.materialize(AS_OF)
    assert ended.code == 0, ended.said
    assert (laptop.newest_run("materialization") / "materialize-features" / "materialized" / "manifest.json").exists()


def test_data_that_lost_a_column_is_refused_and_production_stays(laptop):
    before = laptop.production()
    rules = laptop.use_case / "rules"
    hostile = rules / "nothing_is_right.sql"
    hostile.write_text(rule("every row offends", "select pump, starts_at from trips"))
    ended = laptop.train(AS_OF)
    hostile.unlink()
    assert ended.code == 3, ended.said
    assert "require_passed: refused" in ended.reason
    assert "every row offends" in ended.reason
    assert laptop.production() == before
    assert laptop.verdict("validate-data")["outcome"] == "refused"
    assert not (laptop.newest_run() / "train-model").exists()


def test_an_override_lifts_what_it_names_and_is_on_record(laptop):
    hostile = laptop.use_case / "rules" / "nothing_is_right.sql"
    hostile.write_text(rule("pump 101 is not trusted", "select pump, starts_at from trips where pump = 101 limit 3"))
    assert laptop.train(AS_OF).code == 3
    checks = [
        finding["check"] for finding in laptop.verdict("validate-data")["findings"] if finding["outcome"] != "passed"
    ]
    signed = [
        {"check": f"validate_data/{check}", "who": "j.doe", "why": "known site", "until": "2024-08-01"}
        for check in checks
    ]
    ended = laptop.train(AS_OF, override=json.dumps(signed))
    hostile.unlink()
    assert (laptop.newest_run() / "build-training-set").exists(), ended.said
    assert "j.doe" in json.dumps(laptop.manifest("require-passed", "passed"))
