"""What can be set is described, what can be typed is listed, and links lead somewhere."""

import re
import typing
from dataclasses import fields, is_dataclass

import pytest
from house import ROOT, shipped
from windsock.contracts.use_case import UseCase


def settings(section: type, where: str):
    """Every setting of the use case, by its dotted name."""
    hints = typing.get_type_hints(section)
    for field in fields(section):
        name = f"{where}.{field.name}" if where else field.name
        kinds = [hints[field.name], *typing.get_args(hints[field.name])]
        kinds += [inner for kind in kinds for inner in typing.get_args(kind)]
        nested = [kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)]
        yield name
        for kind in nested:
            yield from settings(kind, name)


@pytest.mark.parametrize("name", list(settings(UseCase, "")))
def test_every_setting_is_described(name):
    readme = (ROOT / "feature_repo" / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"`(?:[\w.<>]+\.)?{re.escape(name.split('.')[-1])}`", readme), (
        f"feature_repo/README.md does not describe {name}"
    )


def test_every_target_of_the_makefile_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)", makefile, re.M))
    described = set(re.findall(r"^([a-z-]+):.*#", makefile, re.M))
    assert phony - described <= {"landing"}


def test_links_between_documents_lead_somewhere():
    broken = []
    for path in shipped():
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / path).read_text(encoding="utf-8")):
            if "://" not in target and not (ROOT / path.parent / target).exists():
                broken.append(f"{path}: {target}")
    assert broken == []
