"""Files are whole or absent."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.files import (
    JSON_LIMIT_BYTES,
    create_bytes,
    new_directory,
    read_json,
    write_bytes,
    write_json,
    write_text,
)


def names(directory):
    return [path.name for path in directory.iterdir()]


def test_a_file_is_replaced_as_a_whole_and_nothing_else_is_left(tmp_path):
    write_bytes(tmp_path / "deep" / "file", b"old")
    write_bytes(tmp_path / "deep" / "file", b"new")
    assert (tmp_path / "deep" / "file").read_bytes() == b"new"
    assert names(tmp_path / "deep") == ["file"]


def test_of_many_who_create_one_file_one_is_told_that_it_did(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(lambda n: create_bytes(tmp_path / "file", b"%d" % n), range(200)))
    assert sum(told) == 1
    assert (tmp_path / "file").read_bytes() == b"%d" % told.index(True)
    assert names(tmp_path) == ["file"]


def test_text_is_utf_8(tmp_path):
    write_text(tmp_path / "file", "größer")
    assert (tmp_path / "file").read_bytes() == "größer".encode()


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_part(tmp_path):
    write_text(tmp_path / "file", "old")
    with pytest.raises(ValueError):
        write_json(tmp_path / "file", {"x": float("nan")})
    with pytest.raises(TypeError):
        write_json(tmp_path / "file", {"x": object()})
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


LIMITED = """
import resource, sys
from pathlib import Path
from windsock.contracts.files import new_directory, write_bytes

def fill(directory):
    with new_directory(directory / "new") as new:
        (new / "file").write_bytes(bytes(5000))

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
directory = Path(sys.argv[1])
for attempt in (lambda: write_bytes(directory / "file", bytes(5000)), lambda: fill(directory)):
    try:
        attempt()
    except OSError as error:
        print(error.strerror)
"""


def test_a_write_that_the_system_cuts_off_leaves_what_was_there(tmp_path):
    """The system ends a write in the middle, as a full disk does; a limit on file sizes is how to have that here."""
    write_text(tmp_path / "file", "old")
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["File too large"] * 2
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_json_is_the_same_bytes_for_the_same_value(tmp_path):
    write_json(tmp_path / "one", {"b": [1, 0.1], "a": "é"})
    write_json(tmp_path / "two", {"a": "é", "b": [1, 0.1]})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_json(tmp_path / "one", "one") == {"a": "é", "b": [1, 0.1]}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 200_000, b"1" * 5000], ids=["empty", "cut", "bytes", "deep", "long"]
)
def test_bad_json_is_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=f"^the thing: got '{tmp_path}/file', expected valid JSON") as error:
        read_json(tmp_path / "file", "the thing")
    assert "\n" not in str(error.value)


def test_a_missing_or_huge_file_is_not_read(tmp_path):
    with pytest.raises(InputError, match=r"a file that exists"):
        read_json(tmp_path / "file", "the thing")
    with (tmp_path / "file").open("wb") as file:
        file.truncate(JSON_LIMIT_BYTES + 1)
    with pytest.raises(InputError, match=f"at most {JSON_LIMIT_BYTES} bytes"):
        read_json(tmp_path / "file", "the thing")


def test_a_new_directory_appears_whole(tmp_path):
    with new_directory(tmp_path / "deep" / "new") as partial:
        (partial / "file").write_text(json.dumps(1))
        assert not (tmp_path / "deep" / "new").exists()
    assert names(tmp_path / "deep") == ["new"]
    with pytest.raises(FileExistsError), new_directory(tmp_path / "deep" / "new"):
        pass
