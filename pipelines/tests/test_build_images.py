"""The builder: the first that works is taken, and what it has is not built again."""

import pytest
from windsock.contracts.errors import InputError

from pipelines import build_images
from pipelines.images import folder_image

# A builder that writes down what it is told; it works, and has one image.
BUILDER = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
info) exit {info} ;;
images) case "$*" in *--filter*) echo {others} ;; *"{has}") echo "12 MB" ;; esac ;;
esac
exit 0
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a program on a PATH that has nothing else but the shell's own tools; returns where it writes its log."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("BUILDER", raising=False)
    monkeypatch.setenv("WINDSOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build_images, "list_packages", lambda image, into: into)

    def program(name: str, works: bool = True, has: str = "nothing", others: str = ""):
        path, log = tmp_path / name, tmp_path / f"{name}.log"
        path.write_text(BUILDER.format(log=log, info=0 if works else 1, has=has, others=others))
        path.chmod(0o755)
        return log

    monkeypatch.setattr(build_images, "BUILDERS", ("first", "second"))
    return program


def test_a_builder_that_does_not_work_is_passed_over(install):
    install("first", works=False)
    install("second")
    assert build_images.Builder.found().name == "second"


def test_without_a_builder_it_says_which_it_looked_for(install):
    install("first", works=False)
    with pytest.raises(InputError, match="a working first, second on the PATH"):
        build_images.Builder.found()


def test_what_is_missing_is_built_with_its_names_and_pushed(install, capsys):
    log = install("first")
    assert build_images.main(["ingest", "--base", "example.org/python:1", "--push-to", "127.0.0.1:5000/us"]) == 0
    image, said = folder_image("ingest"), log.read_text()
    assert f"--build-arg IMAGE={image.reference} --build-arg CODE={image.code} --build-arg LOCK={image.lock}" in said
    assert "--build-arg BASE_IMAGE=example.org/python:1" in said
    tag = image.reference.rpartition(":")[2]
    assert f"push --quiet --tls-verify=false {image.reference} docker://127.0.0.1:5000/us/ingest:{tag}" in said
    assert "built in" in capsys.readouterr().out


def test_what_is_there_is_not_built_again(install, capsys):
    log = install("first", has=folder_image("ingest").reference)
    assert build_images.main(["ingest"]) == 0
    assert "--tag" not in log.read_text()
    assert "12 MB  as it was" in capsys.readouterr().out


def test_other_contents_of_the_same_folder_are_removed_where_asked(install):
    now = folder_image("ingest").reference
    name = now.rpartition(":")[0]
    log = install("first", has=now, others=f"{name}:older {now} {name}-of-others:older")
    assert build_images.main(["ingest"]) == 0
    assert "rmi" not in log.read_text()
    assert build_images.main(["ingest", "--prune"]) == 0
    assert [line for line in log.read_text().splitlines() if line.startswith("rmi")] == [f"rmi {name}:older"]


def test_an_unknown_folder_is_named(install, capsys):
    assert build_images.main(["gatez"]) == 2
    assert "image: got 'gatez', expected one of drift, features, gates" in capsys.readouterr().err
