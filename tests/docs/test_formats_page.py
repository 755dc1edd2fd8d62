"""The page on formats says what the parsers do: every suffix, rule, code and limit."""

import re
from dataclasses import fields

import pytest

from ingestion.errors import ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.media import MEDIA_TYPES
from ingestion.parsing.registry import PARSERS
from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "formats.md").read_text("utf-8")
PARSING = ROOT / "ingestion" / "parsing"
ROWS = {
    kind: row
    for row in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE)
    for kind in re.findall(r"`([\w.+-]+/[\w.+-]+)`", row)
}


def test_every_parser_has_a_row_and_a_module() -> None:
    missing = set(PARSERS) - set(ROWS) - {"application/xhtml+xml"}
    assert not missing
    assert all((PARSING / f"{module}.py").is_file() for module in PARSERS.values())


@pytest.mark.parametrize("kind", sorted(set(MEDIA_TYPES.values()) - {"text/plain"}))
def test_every_suffix_stands_in_the_row_of_its_type(kind: str) -> None:
    suffixes = {suffix for suffix, known in MEDIA_TYPES.items() if known == kind}
    assert suffixes <= set(re.findall(r"`(\.\w+)`", ROWS[kind]))


def test_every_suffix_on_the_page_is_known_or_refused() -> None:
    read, _, refused = PAGE.partition("Refused by name:")
    assert set(re.findall(r"`(\.[a-z]+)`", read)) <= set(MEDIA_TYPES)
    listed = set(re.findall(r"`(\.[a-z]+)`", refused.split("\n\n")[0]))
    assert {".doc", ".xls", ".ppt", ".msg", ".zip", ".gz"} <= listed


def test_every_rule_of_a_parser_is_on_the_page_and_no_other() -> None:
    source = "".join(path.read_text("utf-8") for path in PARSING.glob("*.py"))
    pattern = r"[\"`]((?:pdf|docx|pptx|xlsx|eml)\.[a-z_]+)[\"`]"
    assert set(re.findall(pattern, source)) == set(re.findall(pattern, PAGE))


def test_every_code_and_every_limit_is_on_the_page_with_its_default() -> None:
    refused = PAGE.partition("## What is refused")[2]
    assert set(re.findall(r"^\| `(\w+)` \| [a-z]", refused, re.MULTILINE)) == set(ParseErrorCode)
    limits = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    defaults = ParseLimits()
    assert limits == {one.name: f"{getattr(defaults, one.name):,}" for one in fields(ParseLimits)}
