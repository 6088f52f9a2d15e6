"""The process as a whole: start, signals, other releases, and what goes over the wire when all is not well."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import stage
from conftest import Process

ROW = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": "2013-07-01T13:00:00Z"}
V1 = "/v1/models/trains:predict"


@pytest.fixture(scope="module")
def server(bundle, sqlite_store, tmp_path_factory):
    process = Process(bundle, sqlite_store, tmp_path_factory.mktemp("server")).started()
    yield process
    assert process.stop() == 0
    assert process.events("request_crashed") == []


def answer(server):
    status, _, body = server.post(V1, {"instances": [ROW]})
    assert status == 200, body
    return json.loads(body)["predictions"][0]


def test_an_answer_over_v1_with_its_headers(server, bundle):
    status, headers, body = server.post(V1, {"instances": [ROW]})
    assert status == 200
    prediction = json.loads(body)["predictions"][0]
    assert (prediction["answered_by"], prediction["decision"]) == ("model", "act")
    assert headers["x-windsock-release"] == prediction["release"] == bundle.digest
    assert (headers["x-windsock-answered-by"], headers["x-windsock-reason"]) == ("model", "")
    assert 0 <= json.loads(body)["deadline_left_ms"] <= 1500


def test_an_unknown_station_is_a_valid_request(server):
    status, headers, _ = server.post(V1, {"instances": [ROW | {"station": "Nowhere"}]})
    assert (status, headers["x-windsock-reason"]) == (200, "features_missing")


BAD_BODIES = {
    "nothing": (b"", 400, "JSON"),
    "half of it": (b"{", 400, "JSON"),
    "not a number": (b'{"instances": [NaN]}', 400, "JSON"),
    "no UTF-8": (b"\xff\xfe", 400, "JSON"),
    "deep lists": (b"[" * 8000, 400, "JSON|got"),
    "deep objects": (b'{"a":' * 3000, 400, "JSON"),
    "a deep value": (b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}", 400, r"instances\[0\]"),
    "a huge number": (
        json.dumps({"instances": [ROW | {"platform": 10**40}]}).encode(),
        400,
        r"instances\[0\]\.platform: got 1e\+40",
    ),
    "too many rows": (json.dumps({"instances": [ROW] * 17}).encode(), 400, "instances: got 17, expected 1 to 16 rows"),
    "a long text": (b'{"instances": "' + b"x" * 16_000 + b'"}', 400, "body: got"),
    "too large": (b"x" * 16_385, 413, "body: got 16385 bytes, expected at most 16384"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_in_one_line(server, name):
    content, status, said = BAD_BODIES[name]
    got, _, body = server.post(V1, content)
    line = json.loads(body)["error"]
    assert got == status, line
    assert re.search(said, line)
    assert len(line) < 700
    assert "\n" not in line


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/nowhere", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", V1, 405),
        ("POST", "/v2/health/ready", 405),
        ("DELETE", "/v2", 405),
        ("GET", "/v2/models/trains/versions/sha256:00/ready", 404),
    ],
)
def test_other_paths_and_methods(server, method, path, status):
    content = b"{}" if method == "POST" else None
    assert server.send(method, path, content, {"content-type": "application/json"})[0] == status


def test_other_content_and_deadlines_are_refused(server):
    assert server.post(V1, b"x", **{"content-type": "text/plain"})[0] == 415
    assert server.post(V1, b"x", **{"inference-header-content-length": "7"})[0] == 400
    status, _, body = server.post(V1, {"instances": [ROW]}, **{"x-windsock-deadline-ms": "soon"})
    assert status == 400
    assert b"x-windsock-deadline-ms: got 'soon'" in body


NO_REQUESTS = {
    "nonsense": (b"NONSENSE\r\n\r\n", b"400"),
    "a long header": (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", b"431"),
    "a header without end": (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 40_000, b"431"),
    "a target without end": (b"GET /" + b"y" * 40_000, b"431"),
    "a body too large": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n", b"413"),
    "a length below zero": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", b"400"),
    "two lengths": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"400",
    ),
    "a chunk of no size": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
    "chunks without end": (
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + (b"fff\r\n" + b"x" * 4095 + b"\r\n") * 9,
        b"413",
    ),
    "half a body": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\nabc", b""),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    "an upgrade": (b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", b""),
    "TLS": (b"\x16\x03\x01" + bytes(200), b"400"),
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_is_refused_and_the_server_lives(server, name):
    content, status = NO_REQUESTS[name]
    received = server.raw(content)
    if status:
        assert received.split(b" ")[1] == status, received
    assert b" 500 " not in received
    assert answer(server)["answered_by"] == "model"


def test_requests_in_one_packet_are_answered_in_order(server):
    body = json.dumps({"instances": [ROW]}).encode()
    head = f"POST {V1} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    one = head.encode() + b"\r\n" + body
    received = server.raw(one * 30 + b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert received.count(b"HTTP/1.1 200 OK") == 31
    assert received.endswith(b'{"live":true}')


def test_a_chunked_body_is_a_body(server):
    body = json.dumps({"instances": [ROW]}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = f"POST {V1} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".encode()
    assert server.raw(head + chunks).startswith(b"HTTP/1.1 200 OK")


def test_what_it_says_about_itself(server, bundle):
    assert json.loads(server.get("/v2/health/live")[2]) == {"live": True}
    assert server.get("/v2/health/ready")[0] == 200
    assert server.get("/v2/models/trains/ready")[0] == 200
    health = json.loads(server.get("/health")[2])
    assert health == {"ready": True, "answers_by": "model", "reason": "", "release": bundle.digest}
    status, headers, body = server.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b"windsock_answers_total" in body


def test_another_release_is_taken_on_hangup_and_a_refused_one_is_not(bundle, sqlite_store, tmp_path):
    server = Process(bundle, sqlite_store, tmp_path).started()
    try:
        assert answer(server)["release"] == bundle.digest
        bad = stage.make_bundle(tmp_path / "bad")
        (bad.artifact.path / "model.onnx").write_bytes(b"changed")
        next_release = stage.make_bundle(tmp_path / "next", threshold=0.99)
        stage.note_plan(next_release, tmp_path / "record" / "examined")
        for target, event in ((bad, "release_refused"), (next_release, "release")):
            (tmp_path / "new").symlink_to(target.artifact.path)
            os.replace(tmp_path / "new", server.link)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for(event)
            expected = bundle if target is bad else next_release
            assert answer(server)["release"] == expected.digest
        assert "changed" in server.events("release_refused")[0]["reason"]
        assert b"windsock_release_refused_total 1.0" in server.get("/metrics")[2]
        assert server.get(f"/v2/models/trains/versions/{next_release.digest}/ready")[0] == 200
    finally:
        assert server.stop() == 0


def test_a_stop_answers_for_a_while_but_is_not_ready(bundle, sqlite_store, tmp_path):
    server = Process(bundle, sqlite_store, tmp_path, "--drain_s", 1.5).started()
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("stopping")
    assert server.get("/v2/health/ready")[0] == 503
    assert server.get("/v2/models/trains/ready")[0] == 503
    assert server.get("/v2/health/live")[0] == 200
    assert answer(server)["answered_by"] == "model"
    assert server.process.wait(20) == 0
    assert server.events("stopped")


def test_a_second_signal_ends_it_at_once(bundle, sqlite_store, tmp_path):
    server = Process(bundle, sqlite_store, tmp_path, "--drain_s", 60).started()
    server.process.send_signal(signal.SIGINT)
    server.wait_for("stopping")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) == 130


def refused(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "windsock.predictor", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_what_cannot_start_says_so_in_one_line(server, bundle, sqlite_store, tmp_path):
    usual = ["--model_dir", bundle.artifact.path, "--online_store", sqlite_store, "--record_dir", tmp_path / "record"]
    stage.note_plan(bundle, tmp_path / "record" / "examined")
    assert "manifest" in refused("--model_dir", tmp_path, *usual[2:])
    assert f"port: got '{server.port}, 0', expected free ports" in refused(
        *usual, "--http_port", server.port, "--grpc_port", 0
    )
    assert "--http_port: got 70000" in refused(*usual, "--http_port", 70000)
    assert "--drain_s: got nan" in refused(*usual, "--drain_s", "nan")
    assert "online_store: got 'mysql://x'" in refused(*usual[:2], "--online_store", "mysql://x", *usual[4:])
    assert "--clock" in refused(*usual, "--clock", "other")
    assert "required" in refused()


def test_flags_may_come_from_the_environment():
    from windsock.predictor.options import read_options

    environment = {"WINDSOCK_MODEL_DIR": "/a", "WINDSOCK_ONLINE_STORE": "/b", "WINDSOCK_RECORD_DIR": "/c"}
    options = read_options(["--http_port", "1"], environment | {"WINDSOCK_HTTP_PORT": "2", "WINDSOCK_CLOCK": "request"})
    assert (str(options.model_dir), options.http_port, options.clock) == ("/a", 1, "request")


def test_a_store_that_is_lost_while_serving(bundle, sqlite_store, tmp_path):
    shutil.copy(sqlite_store, tmp_path / "online.db")
    server = Process(bundle, tmp_path / "online.db", tmp_path).started()
    try:
        assert answer(server)["answered_by"] == "model"
        (tmp_path / "online.db").unlink()
        reasons = [answer(server)["reason"] for _ in range(5)]
        assert reasons == ["features_down"] * 3 + ["features_open"] * 2
        assert server.get("/v2/models/trains/ready")[0] == 503
        assert server.get("/v2/health/ready")[0] == 200
        assert json.loads(server.get("/health")[2])["answers_by"] == "rules"
    finally:
        assert server.stop() == 0
