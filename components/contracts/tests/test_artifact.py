"""An artifact is the bytes that were sealed, or it does not open."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.contracts.artifact import (
    MANIFEST,
    Origin,
    content_digest,
    keep_artifact,
    new_artifact,
    open_artifact,
    seal,
)
from windsock.contracts.errors import InputError

ORIGIN = Origin(
    "tested", "2013-07-01T00:00:00Z", {"data": "sha256:1"}, {"as_of": "2013-07-01"}, "image", "code", "lock"
)
CONTENT = {"a.txt": b"one", "folder/b.bin": bytes(range(256))}


def sealed(path: Path, content: dict[str, bytes] = CONTENT, origin: Origin = ORIGIN) -> Path:
    with new_artifact(path, "sample", origin, {"rows": 3}) as directory:
        for name, data in content.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)
    return path


@pytest.fixture
def artifact(tmp_path) -> Path:
    return sealed(tmp_path / "sample")


def change_manifest(artifact: Path, **changes) -> None:
    manifest = json.loads((artifact / MANIFEST).read_text())
    (artifact / MANIFEST).write_text(json.dumps(manifest | changes))


def test_what_was_sealed_is_what_opens(artifact):
    opened = open_artifact(artifact, "sample")
    assert (opened.kind, opened.origin, opened.details) == ("sample", ORIGIN, {"rows": 3})
    assert {name: (artifact / name).read_bytes() for name in CONTENT} == CONTENT


def test_the_digest_is_that_of_names_and_bytes_alone(tmp_path):
    digest = open_artifact(sealed(tmp_path / "one")).digest
    assert open_artifact(sealed(tmp_path / "two", origin=Origin("other"))).digest == digest
    assert open_artifact(sealed(tmp_path / "three", CONTENT | {"a.txt": b"One"})).digest != digest
    assert (
        open_artifact(sealed(tmp_path / "four", {"A.txt": b"one", "folder/b.bin": CONTENT["folder/b.bin"]})).digest
        != digest
    )


NAMES = st.text("xy z\n", min_size=1, max_size=4)


@settings(max_examples=200)
@given(
    st.dictionaries(NAMES, st.sampled_from("ab"), max_size=4), st.dictionaries(NAMES, st.sampled_from("ab"), max_size=4)
)
def test_the_digest_tells_any_two_contents_apart(one, other):
    one, other = ({name: letter * 64 for name, letter in files.items()} for files in (one, other))
    try:
        assert (content_digest(one) == content_digest(other)) == (one == other)
    except InputError:
        assert any(not name.isprintable() for name in [*one, *other])


def test_a_name_cannot_pretend_to_be_a_second_file(tmp_path):
    two = {"x": "a" * 64, "y": "b" * 64}
    forged = {f"x\n{'b' * 64}  y": "a" * 64}
    with pytest.raises(InputError, match=r"file name"):
        content_digest(forged)
    assert content_digest(two)


def test_a_changed_byte_is_found(artifact):
    (artifact / "folder" / "b.bin").write_bytes(bytes(range(255)) + b"!")
    with pytest.raises(InputError, match=r"^artifact sample/folder/b.bin: got 'changed'"):
        open_artifact(artifact)


def test_an_added_file_is_found(artifact):
    (artifact / "more.txt").write_text("more")
    with pytest.raises(InputError, match=r"^artifact sample/more.txt: got 'not in the manifest'"):
        open_artifact(artifact)


def test_a_lost_file_is_found(artifact):
    (artifact / "a.txt").unlink()
    with pytest.raises(InputError, match=r"^artifact sample/a.txt: got 'missing'"):
        open_artifact(artifact)


def test_a_manifest_rewritten_to_fit_changed_bytes_has_another_digest(artifact):
    before = open_artifact(artifact).digest
    (artifact / "a.txt").write_text("two")
    (artifact / MANIFEST).unlink()
    assert seal(artifact, "sample", ORIGIN).digest != before


def test_a_digest_that_the_files_do_not_have_is_found(artifact):
    change_manifest(artifact, digest="sha256:" + "0" * 64)
    with pytest.raises(InputError, match=r"^digest of sample: got 'sha256:0000"):
        open_artifact(artifact)


def test_another_kind_is_refused(artifact):
    with pytest.raises(InputError, match=r"^kind of sample: got 'sample', expected 'release'"):
        open_artifact(artifact, "release")


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/../../b", "a//b", "./a", "a\\b", "", "a\0b", "a\nb", 7, "folder/.."]
)
def test_a_manifest_cannot_name_what_is_outside(artifact, name):
    manifest = json.loads((artifact / MANIFEST).read_text())
    pairs = [*manifest["files"].items(), (name, "0" * 64)]
    manifest["files"] = dict(pairs)
    (artifact / MANIFEST).write_text(json.dumps(manifest))
    # JSON has no other names than text: the number becomes text, names no file and is missing.
    with pytest.raises(InputError, match=r"manifest file name|artifact sample/7: got 'missing'"):
        open_artifact(artifact)


@pytest.mark.parametrize("target", ["/etc/hostname", "a.txt", "nowhere"])
def test_a_link_is_refused_when_sealing_and_when_opening(artifact, tmp_path, target):
    (artifact / "link").symlink_to(target)
    with pytest.raises(InputError, match=r"^artifact file link: got 'l.*', expected a plain file"):
        open_artifact(artifact)
    with (
        pytest.raises(InputError, match=r"artifact file link"),
        new_artifact(tmp_path / "new", "sample", ORIGIN) as new,
    ):
        (new / "link").symlink_to(target)
    assert not (tmp_path / "new").exists()


def test_a_link_to_a_directory_is_refused(artifact, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (artifact / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(InputError, match=r"^artifact file linked: got 'l"):
        open_artifact(artifact)


def test_a_manifest_that_is_a_link_is_refused(artifact, tmp_path):
    (artifact / MANIFEST).rename(tmp_path / "manifest")
    (artifact / MANIFEST).symlink_to(tmp_path / "manifest")
    with pytest.raises(InputError, match=r"expected a plain file"):
        open_artifact(artifact)


def test_a_pipe_is_refused_instead_of_read_for_ever(artifact):
    os.mkfifo(artifact / "pipe")
    with pytest.raises(InputError, match=r"^artifact file pipe: got 'p"):
        open_artifact(artifact)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "valid JSON"),
        ("[]", "an object with `files`"),
        ("{}", "an object with `files`"),
        ('{"files": []}', "an object with `files`"),
        ("\xff", "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ("1" * 10_000, "valid JSON"),
    ],
)
def test_a_broken_manifest_is_one_line(artifact, text, expected):
    (artifact / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=expected) as error:
        open_artifact(artifact)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("lost", ["kind", "digest", "step"])
def test_a_manifest_that_lacks_a_part_is_one_line(artifact, lost):
    manifest = json.loads((artifact / MANIFEST).read_text())
    del manifest[lost]
    (artifact / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=rf"^({lost}|digest|manifest) of sample"):
        open_artifact(artifact)


def test_no_manifest_and_no_directory(tmp_path):
    with pytest.raises(InputError, match=r"^manifest of nothing: got '.*', expected a file that exists"):
        open_artifact(tmp_path / "nothing")


def test_an_empty_artifact_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^artifact sample: got 'an empty directory'"):
        sealed(tmp_path / "sample", {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_once_is_not_written_again(artifact):
    with pytest.raises(FileExistsError, match=r"write-once"):
        sealed(artifact)
    assert open_artifact(artifact).details == {"rows": 3}


def test_a_block_that_fails_leaves_nothing(tmp_path):
    def interrupted(directory: Path) -> None:
        (directory / "half").write_text("half")
        raise OSError("stopped")

    with pytest.raises(OSError, match=r"stopped"), new_artifact(tmp_path / "sample", "sample", ORIGIN) as directory:
        interrupted(directory)
    assert list(tmp_path.iterdir()) == []


def test_the_same_content_is_kept_once_however_many_keep_it_at_once(tmp_path):
    def keep(number: int):
        fill = lambda directory: (directory / "file").write_text(f"content {number % 3}")  # noqa: E731
        return keep_artifact(tmp_path / "store", "thing", Origin(step="test"), fill)

    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(keep, range(60)))
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == sorted(
        {one.digest.removeprefix("sha256:") for one in kept}
    )
    assert len({one.digest for one in kept}) == 3
