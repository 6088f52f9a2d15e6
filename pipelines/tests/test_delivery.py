"""Alerts reach a real Alertmanager: grouped, told once, over when they are over, and kept while it is away."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.monitoring import Alert, Raised
from windsock.contracts.monitoring_settings import Alerts

from pipelines.delivery import FILE, address_of, as_posted, deliver, say_alerts
from pipelines.ledger import DirectoryShelf, Kind, Ledger

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
real = pytest.mark.skipif(PROGRAM is None, reason="Alertmanager is not installed; `make packages` as root does it")
NOW = datetime.now(UTC)
BEGAN, AS_OF = format_time(NOW - timedelta(days=3)), format_time(NOW)
CONFIGURATION = """
route: {{receiver: desk, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: desk, webhook_configs: [{{url: "http://127.0.0.1:{port}/", send_resolved: true}}]}}]
"""
PATIENCE_S = 20.0


def alert(check: str, ends_at: str = "", name: str = "FeatureDrift") -> Alert:
    notes = {"summary": f"{check} moved", "runbook": "runbooks/feature-drift/README.md"}
    return Alert({"alertname": name, "check": check}, BEGAN, BEGAN, ends_at, notes)


class Desk:
    """Whom Alertmanager notifies: keeps what it was told."""

    def __init__(self) -> None:
        told: list[dict] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keeps quiet."""

        self.told = told
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, wanted: Callable[[dict], bool]) -> dict:
        """The first notice that is as wanted."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if found := next(filter(wanted, list(self.told)), None):
                return found
            time.sleep(0.05)
        raise TimeoutError(self.told)


@pytest.fixture
def desk():
    desk = Desk()
    yield desk
    desk.server.shutdown()
    desk.server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def alertmanager(tmp_path, desk):
    """Starts it on demand, on the same port each time; what was started is ended."""
    port, running = free_port(), []
    (tmp_path / "am.yml").write_text(CONFIGURATION.format(port=desk.server.server_port))
    address = f"http://127.0.0.1:{port}"
    options = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    files = [f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'am'}"]

    def start() -> str:
        running.append(subprocess.Popen([PROGRAM, *options, *files]))
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{address}/-/ready", timeout=1):  # noqa: S310
                    return address
            except OSError:
                time.sleep(0.05)
        raise TimeoutError(address)

    start.address = address
    yield start
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(DirectoryShelf(tmp_path))


def watch(ledger: Ledger, *alerts: Alert) -> None:
    ledger.append(Kind.WATCHED, AS_OF, {"raised": asdict(Raised(AS_OF, "sha256:a", alerts))})


def active(address: str) -> list[str]:
    with urllib.request.urlopen(f"{address}/api/v2/alerts?active=true", timeout=5) as answer:  # noqa: S310
        return sorted(one["labels"]["check"] for one in json.load(answer))


@real
def test_alerts_of_one_name_are_one_notice_told_once_and_resolved_when_over(alertmanager, desk, ledger, tmp_path):
    address = alertmanager()
    watch(ledger, alert("feature/a"), alert("feature/b"))
    assert deliver(ledger, Alerts(), tmp_path, address)
    # Alertmanager waits for no second alert where the first began long ago: the other then comes with the next notice.
    notice = desk.wait_for(lambda notice: len(notice["alerts"]) == 2)
    assert sorted(one["labels"]["check"] for one in notice["alerts"]) == ["feature/a", "feature/b"]
    told = len(desk.told)
    assert told <= 2
    assert active(address) == ["feature/a", "feature/b"]
    # Told again by the next run, quiet or not, which Alertmanager keeps to itself.
    watch(ledger, replace(alert("feature/a"), quiet_since=AS_OF), alert("feature/b"))
    deliver(ledger, Alerts(), tmp_path, address)
    watch(ledger, alert("feature/b"), alert("feature/a", AS_OF))
    deliver(ledger, Alerts(), tmp_path, address)
    over = desk.wait_for(lambda notice: any(one["status"] == "resolved" for one in notice["alerts"]))
    assert desk.told.index(over) == told
    assert {notice["status"] for notice in desk.told[:told]} == {"firing"}
    assert {one["labels"]["check"]: one["status"] for one in over["alerts"]} == {
        "feature/a": "resolved",
        "feature/b": "firing",
    }
    assert active(address) == ["feature/b"]


@real
def test_what_could_not_be_delivered_goes_with_the_next_run(alertmanager, desk, ledger, tmp_path, capsys):
    watch(ledger, alert("feature/a"))
    assert deliver(ledger, Alerts(), tmp_path, alertmanager.address) is False
    assert "1 not delivered" in capsys.readouterr().err
    assert [one["labels"]["check"] for one in json.loads((tmp_path / FILE).read_text())] == ["feature/a"]
    alertmanager()
    watch(ledger, alert("concept/loss", name="ConceptDrift"), alert("feature/a", AS_OF))
    assert deliver(ledger, Alerts(), tmp_path, alertmanager.address) is True
    assert active(alertmanager.address) == ["concept/loss"]
    assert ledger.entries()[-1].kind == Kind.DELIVERED


@real
def test_an_alert_that_is_not_taken_is_told_with_the_reason(alertmanager, ledger, tmp_path, capsys):
    address = alertmanager()
    watch(ledger, Alert({"not a label": "x"}, BEGAN, BEGAN))
    assert deliver(ledger, Alerts(), tmp_path, address) is False
    assert "(400:" in capsys.readouterr().err


def test_with_no_alertmanager_the_file_and_the_terminal_say_it(ledger, tmp_path, capsys):
    watch(ledger, alert("feature/a"), alert("feature/b", AS_OF))
    assert deliver(ledger, Alerts(), tmp_path, "") is True
    assert [one["labels"]["check"] for one in json.loads((tmp_path / FILE).read_text())] == ["feature/a"]
    say_alerts([alert(f"feature/{n}") for n in range(5)], [alert("feature/0")])
    said = capsys.readouterr().err
    assert "alert FeatureDrift: 5 fire (4 new), 0 over" in said
    assert "and 2 more" in said
    assert "page runbooks/feature-drift/README.md" in said


def test_an_alert_that_is_quiet_goes_on_firing_and_says_so(ledger, tmp_path, capsys):
    quiet = replace(alert("feature/a"), quiet_since=AS_OF)
    posted = as_posted(quiet, Alerts(), NOW)
    assert posted == as_posted(alert("feature/a"), Alerts(), NOW)
    assert posted["endsAt"] > AS_OF
    watch(ledger, quiet)
    assert deliver(ledger, Alerts(), tmp_path, "") is True
    assert [one["quiet_since"] for one in json.loads((tmp_path / FILE).read_text())] == [AS_OF]
    say_alerts([quiet, alert("feature/b")], [quiet])
    said = capsys.readouterr().err
    assert "alert FeatureDrift: 2 fire (1 new, 1 quiet), 0 over" in said
    assert said.index("feature/b since") < said.index("feature/a (quiet) since")


def test_an_alert_lasts_until_the_next_run_is_overdue():
    posted = as_posted(alert("a"), Alerts(every_hours=24, late_hours=6), NOW)
    assert posted["endsAt"] == format_time(NOW + timedelta(hours=30))
    assert as_posted(alert("a", AS_OF), Alerts(), NOW)["endsAt"] == AS_OF


def test_the_environment_names_the_alertmanager_before_the_settings():
    settings = Alerts(alertmanager="http://settings:9093")
    assert address_of(settings, {}) == "http://settings:9093"
    assert address_of(settings, {"WINDSOCK_ALERTMANAGER": "http://here:9093"}) == "http://here:9093"
    with pytest.raises(InputError, match="WINDSOCK_ALERTMANAGER"):
        address_of(settings, {"WINDSOCK_ALERTMANAGER": "here:9093"})
