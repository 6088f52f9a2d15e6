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


def test_monitoring_is_missed_until_it_runs_and_says_what_it_could_not_judge(laptop):
    missed = laptop.watchdog()
    assert missed.code == 3, missed.said
    assert "there was never one" in missed.reason
    ended = laptop.monitor(AS_OF)
    assert ended.code == 0, ended.said
    assert "answers/model: no answer of this release's model" in ended.said
    assert "retraining: none asked for" in ended.reason
    assert laptop.verdict_of("monitoring", "detect-drift")["outcome"] == "inconclusive"
    assert laptop.watchdog().code == 0
    assert "look back" in laptop.monitor("2024-05-01").reason


def test_a_retraining_that_a_person_asks_for_is_taken_once_and_what_became_of_it_is_known(laptop):
    assert laptop.retrain().said.strip() == "retrain: none is asked for"
    asked = laptop.retrain("--reason", "a new kind of pump", "--as-of", "2024-07-01")
    assert asked.code in (0, 3), asked.said
    assert "retrain: hand-" in asked.said
    assert laptop.retrain().said.strip() == "retrain: none is asked for"
    again = laptop.retrain("--reason", "a new kind of pump", "--as-of", "2024-07-01")
    if laptop.production() in asked.said:
        # It is in production now: a request of the same day is another one.
        assert again.code in (0, 3), again.said
    else:
        assert again.code == 2
        assert "it has its request already" in again.reason


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
