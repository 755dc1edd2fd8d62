"""Links and names in the documents lead somewhere."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from urllib.parse import unquote

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, anchors, code, fences, links

PACKAGES = ("acl", "ingestion", "retrieval", "verifier", "tests", "tools", "training", "docs")
PATH = re.compile(rf"(?:{'|'.join(PACKAGES)})/[\w./-]*")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: str) -> None:
    for target in links(document):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(target).partition("#")
        found = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        assert found.exists(), f"{document}: {target}"
        assert found.is_relative_to(ROOT), f"{document}: {target} leaves the project"
        if anchor:
            assert anchor in anchors(found.relative_to(ROOT).as_posix()), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_of_the_project_that_is_named_exists(document: str) -> None:
    for text in code(document):
        if PATH.fullmatch(text):
            assert (ROOT / text).exists(), f"{document}: {text}"


def test_every_decision_is_listed_under_its_number() -> None:
    folder = ROOT / "docs" / "adr"
    files = sorted(path.name for path in folder.glob("0*.md"))
    assert list(links("docs/adr/README.md")) == files
    for number, name in enumerate(files, start=1):
        title = (folder / name).read_text("utf-8").partition("\n")[0]
        assert name.startswith(f"{number:04}-")
        assert title.startswith(f"# {number}. ")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        named = [*code(document), *(fence.text for fence in fences(document))]
        for text in named:
            for target in re.findall(r"(?:^|&& )make ([a-z]+)", text, re.MULTILINE):
                assert target in targets, f"{document}: make {target}"


def test_the_constraints_pin_whatever_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    for requirement in chain.from_iterable(groups):
        name = re.split(r"[<>=\[;! ]", requirement)[0].lower().replace("_", "-")
        assert name == project["name"] or name in pins, f"{requirement}: run 'make lock'"
    assert not any("+" in version for version in pins.values()), "a pin of a local build"
