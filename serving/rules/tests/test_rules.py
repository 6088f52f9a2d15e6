"""The rules service as a process: the same protocol as the predictor, and never more than it promises."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from conftest import ROW, V1, V2, Process, make_bundle


@pytest.mark.parametrize(
    "headers, reason",
    [
        ({}, "predictor_unavailable"),
        ({"x-envoy-attempt-count": "2"}, "predictor_failed"),
        ({"x-windsock-fallback-reason": "features_down"}, "features_down"),
    ],
)
def test_an_answer_by_rules_says_why(server, bundle, headers, reason):
    status, got, body = server.post(V1, {"instances": [ROW, ROW | {"load": 0.9}]}, **headers)
    assert status == 200
    first, second = json.loads(body)["predictions"]
    assert (first["probability"], first["decision"], first["answered_by"]) == (0.1, "skip", "rules")
    assert (second["probability"], second["decision"], second["reason"]) == (0.6, "act", reason)
    assert (got["x-windsock-release"], got["x-windsock-reason"]) == (bundle.digest, reason)


def test_v2_is_spoken_too(server, bundle):
    kinds = {"line": "BYTES", "station": "BYTES", "platform": "INT64", "load": "FP64", "due_at": "BYTES"}
    inputs = [{"name": name, "shape": [1], "datatype": kinds[name], "data": [value]} for name, value in ROW.items()]
    status, _, body = server.post(V2, {"inputs": inputs, "id": "mine"})
    answer = json.loads(body)
    assert (status, answer["id"], answer["model_version"]) == (200, "mine", bundle.digest)
    assert next(o for o in answer["outputs"] if o["name"] == "answered_by")["data"] == ["rules"]


BAD_BODIES = {
    "nothing": (b"", 400, "JSON"),
    "not a number": (b'{"instances": [NaN]}', 400, "NaN is no JSON"),
    "no UTF-8": (b"\xff\xfe\x00", 400, "JSON"),
    "deep lists": (b"[" * 15_000, 400, "JSON"),
    "a huge number": (b'{"instances": [' + b"9" * 9_000 + b"]}", 400, "JSON"),
    "another type": (json.dumps({"instances": [ROW | {"platform": "7"}]}).encode(), 400, r"instances\[0\]\.platform"),
    "too many rows": (json.dumps({"instances": [ROW] * 17}).encode(), 400, "expected 1 to 16 rows"),
    "too large": (b"x" * 16_385, 413, "got 16385 bytes, expected at most 16384"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_in_one_line(server, name):
    content, status, said = BAD_BODIES[name]
    got, _, body = server.post(V1, content)
    line = json.loads(body)["error"]
    assert (got, bool(re.search(said, line))) == (status, True), line
    assert "\n" not in line


NO_REQUESTS = {
    "nonsense": (b"NONSENSE\r\n\r\n", b"400"),
    "a method of nobody": (b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n", b"405"),
    "a length that is none": (f"POST {V1} HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".encode(), b"400"),
    "a chunk of no size": (f"POST {V1} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".encode(), b"400"),
    "a header without end": (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"431"),
}


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_is_refused_and_the_server_lives(server, name):
    content, status = NO_REQUESTS[name]
    received = server.raw(content)
    assert received.split(b" ")[1] == status, received
    assert server.post(V1, {"instances": [ROW]})[0] == 200


def test_a_chunked_body_is_a_body(server):
    body = json.dumps({"instances": [ROW]}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    head = f"POST {V1} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".encode()
    assert server.raw(head + chunks).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/nowhere", 404), ("POST", "/v2/models/other/infer", 404), ("GET", V1, 405), ("POST", "/v2", 405)],
)
def test_other_paths_and_methods(server, method, path, status):
    assert server.send(method, path, b"{}" if method == "POST" else None)[0] == status


def test_every_path_of_the_document_answers(server):
    for path, operations in json.loads(server.send("GET", "/openapi.json")[2])["paths"].items():
        assert (server.send("GET", path)[0] == 200) == ("get" in operations), path


def test_another_release_on_hangup_and_a_refused_one_changes_nothing(bundle, tmp_path):
    server = Process(bundle, tmp_path)
    try:
        bad = make_bundle(tmp_path / "bad")
        (bad.artifact.path / "release.json").write_text("{}")
        other = make_bundle(tmp_path / "other", threshold=0.05)
        for target, event, expected in ((bad, "release_refused", bundle), (other, "release", other)):
            (tmp_path / "new").symlink_to(target.artifact.path)
            os.replace(tmp_path / "new", server.link)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for(event)
            answer = json.loads(server.post(V1, {"instances": [ROW]})[2])["predictions"][0]
            assert answer["release"] == expected.digest
    finally:
        assert server.stop() == 0


def test_a_stop_answers_for_a_while_and_leaves_its_records(bundle, tmp_path):
    server = Process(bundle, tmp_path, "--drain_s", 1.0)
    server.process.send_signal(signal.SIGTERM)
    for _ in range(100):
        if server.send("GET", "/v2/health/ready")[0] == 503:
            break
    assert server.post(V1, {"instances": [ROW]})[0] == 200
    assert server.process.wait(20) == 0
    assert server.events("stopped")
    shipped = list((tmp_path / "record" / "shipped").rglob("*.jsonl"))
    assert shipped
    assert "predictor_unavailable" in shipped[0].read_text()


def test_what_cannot_start_says_so_in_one_line(server, bundle, tmp_path):
    for arguments, said in (
        (["--model_dir", tmp_path], "manifest"),
        (["--model_dir", bundle.artifact.path, "--http_port", server.port], "--http_port"),
        (["--model_dir", bundle.artifact.path, "--http_port", 70000], "--http_port"),
    ):
        command = [sys.executable, "-m", "windsock.rules", "--record_dir", tmp_path / "record", *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert said in done.stderr.strip().splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_in_recorded_time_the_record_says_when_it_was_asked(bundle, tmp_path):
    process = Process(bundle, tmp_path, "--clock", "recorded")
    try:
        assert process.post(V1, {"instances": [ROW]})[0] == 200
    finally:
        assert process.stop() == 0
    (batch,) = (tmp_path / "record" / "shipped").rglob("*.jsonl")
    # An hour before the event, and so the batch is named by that day.
    assert "2013-07-01T12:00:00Z" in batch.read_text()
    assert "_2013-07-01_2013-07-01" in batch.name
