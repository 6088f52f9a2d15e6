"""Every alert rule fires at its fault, in time and no sooner, and is silent while all is well: by Prometheus itself."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).parents[2] / "manifests" / "options" / "alerts" / "rules.yaml"
PROGRAM = shutil.which("promtool")
SPEC = yaml.safe_load(RULES.read_text(encoding="utf-8"))["spec"]
NAMES = [rule["alert"] for group in SPEC["groups"] for rule in group["rules"]]
GROUP = {rule["alert"]: group["name"] for group in SPEC["groups"] for rule in group["rules"]}
WATCHDOG = 'kube_cronjob_status_last_successful_time{cronjob="windsock-watchdog"}'
# A minute a value. What is well: everything is up and answers, the record is shipped, the watchdog succeeds every hour.
WELL = {
    'windsock_ready{pod="predictor"}': "1x240",
    'windsock_ready{pod="rules"}': "1x240",
    'windsock_responses_total{status="200"}': "0+600x240",
    'windsock_responses_total{status="503"}': "0+1x240",
    'windsock_answers_total{answered_by="model",reason=""}': "0+600x240",
    'windsock_answers_total{answered_by="rules",reason="features_slow"}': "0+5x240",
    "windsock_shed_total": "0x240",
    "windsock_release_refused_total": "0x240",
    "windsock_breaker_open": "0x240",
    "windsock_record_filled_ratio": "0.1x240",
    "windsock_record_behind_seconds": "30x240",
    'up{job="windsock/edge"}': "1x240",
    WATCHDOG: "0x60 3600x60 7200x60 10800x60",
}
# An alert: what is otherwise in its fault, from the first hour on, and after how many minutes more it fires.
FAULTS = {
    "NobodyAnswers": ({'windsock_ready{pod="predictor"}': 0, 'windsock_ready{pod="rules"}': 0}, 1),
    "AnswersFail": ({'windsock_responses_total{status="503"}': "+20"}, 5),
    "RulesAnswer": ({'windsock_answers_total{answered_by="rules",reason="features_slow"}': "+400"}, 10),
    "RequestsShed": ({"windsock_shed_total": "+1"}, 10),
    "ReleaseRefused": ({"windsock_release_refused_total": "+1"}, 0),
    "FeaturesAway": ({"windsock_breaker_open": 1}, 5),
    "RecordFills": ({"windsock_record_filled_ratio": 0.8}, 5),
    "RecordBehind": ({"windsock_record_behind_seconds": 2000}, 5),
    "EdgeAway": ({'up{job="windsock/edge"}': 0}, 1),
    # Two hours after the last success, and a quarter.
    "MonitoringMissed": ({WATCHDOG: 3600}, 120 + 15),
}
AN_HOUR = 60
# A rate looks back, so a fault is in it a little later than it began.
LATER = 12


def series(fault: dict) -> list[dict]:
    """The input of promtool: well for an hour, then the fault for three."""
    given = []
    for name, values in WELL.items():
        if name not in fault:
            given.append({"series": name, "values": values})
            continue
        change = fault[name]
        # A counter begins to rise, a gauge has another value.
        well = "0" if isinstance(change, str) else values.partition("x")[0]
        ill = f"0{change}" if isinstance(change, str) else str(change)
        given.append({"series": name, "values": f"{well}x{AN_HOUR} {ill}x180"})
    return given


def asked(alert: str, minute: int, fires: bool) -> dict:
    """Whether an alert is to fire at a minute."""
    samples = [{"labels": "{}", "value": 1}] if fires else []
    expression = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}


def promtool(directory: Path, tests: list[dict]) -> subprocess.CompletedProcess:
    (directory / "rules.yaml").write_text(yaml.safe_dump(SPEC))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}
    (directory / "tests.yaml").write_text(yaml.safe_dump(document))
    command = [str(PROGRAM), "test", "rules", "tests.yaml"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)


pytestmark = pytest.mark.skipif(PROGRAM is None, reason="promtool is not installed; `make packages` as root does it")


def test_every_rule_has_its_fault():
    assert sorted(FAULTS) == sorted(NAMES)


@pytest.mark.parametrize("alert", NAMES)
def test_a_fault_fires_its_alert_in_time_and_no_sooner(alert, tmp_path):
    fault, minutes = FAULTS[alert]
    tests = [asked(alert, AN_HOUR - 1, False), asked(alert, AN_HOUR + minutes + LATER, True)]
    if minutes:
        tests.append(asked(alert, AN_HOUR + minutes - 1, False))
    done = promtool(tmp_path, [{"interval": "1m", "input_series": series(fault), "promql_expr_test": tests}])
    assert done.returncode == 0, done.stdout + done.stderr


def test_while_all_is_well_nothing_fires(tmp_path):
    tests = [asked(alert, minute, False) for alert in NAMES for minute in (30, 90, 200)]
    given = [{"series": name, "values": values} for name, values in WELL.items()]
    done = promtool(tmp_path, [{"interval": "1m", "input_series": given, "promql_expr_test": tests}])
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_nobody_is_seen_at_all_somebody_is_woken(tmp_path):
    tests = [asked(alert, 200, True) for alert in ("NobodyAnswers", "EdgeAway", "MonitoringMissed")]
    done = promtool(tmp_path, [{"interval": "1m", "input_series": [], "promql_expr_test": tests}])
    assert done.returncode == 0, done.stdout + done.stderr
