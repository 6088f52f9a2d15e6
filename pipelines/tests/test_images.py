"""A tag is the content: what changes an image changes it, and nothing else does."""

import shutil

import pytest
from windsock.contracts.errors import InputError

from pipelines import images
from pipelines.runners.venv import container_tasks, prepared_image


@pytest.fixture
def house(tmp_path, monkeypatch):
    for name in ("contracts", "ingest"):
        folder = images.REPOSITORY / "components" / name
        ignored = shutil.ignore_patterns(".venv", "__pycache__")
        shutil.copytree(folder, tmp_path / "components" / name, ignore=ignored)
    monkeypatch.setattr(images, "REPOSITORY", tmp_path)
    return tmp_path / "components"


@pytest.mark.parametrize(
    "file", ["ingest/uv.lock", "ingest/windsock/ingest/__main__.py", "contracts/windsock/contracts/step.py"]
)
def test_what_goes_into_an_image_changes_its_tag(house, file):
    before = images.folder_image("ingest").reference
    with (house / file).open("a") as handle:
        handle.write("\n")
    assert images.folder_image("ingest").reference != before


@pytest.mark.parametrize("file", ["ingest/README.md", "ingest/tests/test_more.py"])
def test_what_stays_out_of_an_image_leaves_its_tag(house, file):
    before = images.folder_image("ingest").reference
    (house / file).write_text("something else")
    assert images.folder_image("ingest").reference == before


def test_a_pipeline_compiled_from_other_code_is_refused_by_name():
    with pytest.raises(InputError, match=r"ghcr.io/windsock/ingest:0000.*run `make compile`"):
        prepared_image("ghcr.io/windsock/ingest:0000000000000000")


@pytest.mark.parametrize("reference", ["python:3.11", "ghcr.io/windsock/ingest:latest", ""])
def test_an_image_without_a_content_hash_is_refused(reference):
    with pytest.raises(InputError, match="content-hash"):
        prepared_image(reference)


def test_only_steps_that_merely_compute_are_reused():
    compiled = (images.REPOSITORY / "pipelines" / "compiled" / "training.yaml").read_text()
    reused = {task for task, enabled in container_tasks(compiled).items() if enabled}
    assert reused == {"build-training-set", "train-model"}
