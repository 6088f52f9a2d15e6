"""Every alert of monitoring has its page, every page says the same four things and names a test that is there."""

import re

import pytest
from house import ROOT

PAGES = sorted(path.parent.name for path in (ROOT / "runbooks").glob("*/README.md"))
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
NAMES = re.compile(r"runbooks/([a-z-]+)")


def named_pages() -> set[str]:
    alerts = (ROOT / "components/drift/windsock/drift/alerts.py").read_text(encoding="utf-8")
    pages = set(
        re.findall(r'^    "[A-Za-z]+": "([a-z-]+)",$', alerts.partition("PAGES = {")[2].partition("}")[0], re.M)
    )
    for path in ("pipelines/watchdog.py", "manifests/options/alerts/rules.yaml"):
        pages |= set(NAMES.findall((ROOT / path).read_text(encoding="utf-8")))
    return pages


def test_every_alert_has_its_page():
    named = named_pages()
    assert len(named) >= 5
    assert named <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_four_things_and_what_tries_it(page):
    text = (ROOT / "runbooks" / page / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    tried = re.findall(r"`((?:tests|components|pipelines)/[\w/.]+)`", text.partition("Tried by")[2])
    assert tried
    assert [path for path in tried if not (ROOT / path).exists()] == []
    assert f"({page}/README.md)" in (ROOT / "runbooks" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_exist(page):
    text = (ROOT / "runbooks" / page / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", text)):
        assert f"\n.PHONY: {target}\n" in makefile, target
