"""PPTX yields what its slides show, a page each; what an audience does not see is reported."""

from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches, Pt

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import ORDER, deck, part, repacked, saved
from verifier.findings import Severity

BOX = (0, 0, Inches(4), Inches(2))


def read(document: Any, **limits: int) -> ParsedDocument:
    content = document if isinstance(document, bytes) else saved(document)
    return parse(content, name="a.pptx", limits=ParseLimits(**limits))


def rules(document: ParsedDocument) -> list[str]:
    return [finding.rule for finding in document.findings]


def blank(document: Any) -> Any:
    return document.slides.add_slide(document.slide_layouts[6])


def test_each_slide_is_a_page_under_its_title() -> None:
    parsed = read(deck(("Plan", "first\nsecond"), ("Costs", "third")))
    assert parsed.text == "Plan\n\nfirst\nsecond\n\nCosts\n\nthird"
    pages = [parsed.text[page.start : page.end] for page in parsed.pages]
    assert pages == ["Plan\n\nfirst\nsecond", "Costs\n\nthird"]
    assert [(h.level, parsed.text[h.start : h.end]) for h in parsed.headings] == [
        (1, "Plan"),
        (1, "Costs"),
    ]
    assert parsed.title == "Plan"


def test_the_stated_title_goes_before_that_of_the_first_slide() -> None:
    document = deck(("Plan", "words"))
    document.core_properties.title = "Stated"
    assert read(document).title == "Stated"


def test_a_slide_without_a_title_ends_the_section_before_it() -> None:
    document = deck(("Plan", "first"))
    blank(document).shapes.add_textbox(*BOX).text_frame.text = "alone"
    parsed = read(document)
    assert parsed.text == "Plan\n\nfirst\n\nalone"
    assert [(h.level, h.text, h.start) for h in parsed.headings][1] == (1, "", 13)


def test_the_title_comes_first_wherever_it_stands_in_the_file() -> None:
    document = deck(("Plan", "first"))
    tree = document.slides[0].shapes._spTree
    tree.append(document.slides[0].shapes.title._element)
    assert read(document).text == "Plan\n\nfirst"


def test_tables_name_their_columns_only_under_a_marked_header() -> None:
    document = pptx.Presentation()
    for headed in (True, False):
        table = blank(document).shapes.add_table(2, 2, *BOX).table
        table.first_row = headed
        for cell, words in zip(table.iter_cells(), ["City", "Units", "Oslo", "12"], strict=True):
            cell.text = words
    assert read(document).text == (
        "City | Units\nCity: Oslo | Units: 12\n\nCity | Units\nOslo | 12"
    )


def test_a_chart_reads_as_the_table_it_shows() -> None:
    document = pptx.Presentation()
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (1.5, 2))
    data.add_series("Cost", (1, None))
    kind = XL_CHART_TYPE.COLUMN_CLUSTERED
    chart = blank(document).shapes.add_chart(kind, *BOX, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "By quarter"
    assert read(document).text == (
        "By quarter\nSales | Cost\nQ1 | Sales: 1.5 | Cost: 1\nQ2 | Sales: 2"
    )


def test_groups_are_read_and_line_breaks_and_fields_kept() -> None:
    document = pptx.Presentation()
    group = blank(document).shapes.add_group_shape()
    frame = group.shapes.add_textbox(*BOX).text_frame
    frame.text = "one\vtwo"
    frame.paragraphs[0].add_line_break()
    frame.paragraphs[0].add_run().text = "three"
    assert read(document).text == "one\ntwo\nthree"


def test_places_within_a_group_are_the_groups_own() -> None:
    document = pptx.Presentation()
    group = blank(document).shapes.add_group_shape()
    group.shapes.add_textbox(-Inches(90), 0, Inches(1), Inches(1)).text_frame.text = "seen"
    transform = group._element.grpSpPr.xfrm
    transform.off.x, transform.off.y = 0, 0
    assert read(document).text == "seen"


def test_of_two_alternatives_one_is_read() -> None:
    document = pptx.Presentation()
    box = blank(document).shapes.add_textbox(*BOX)
    box.text_frame.text = "words"
    tree = box._element.getparent()
    space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    both = etree.SubElement(tree, f"{{{space}}}AlternateContent")
    for name in ("Choice", "Fallback"):
        copy = etree.fromstring(etree.tostring(box._element).replace(b"words", name.encode()))
        etree.SubElement(both, f"{{{space}}}{name}").append(copy)
    assert read(document).text == "words\n\nChoice"


def test_notes_are_for_the_speaker_and_reported() -> None:
    document = deck(("Plan", "words"))
    document.slides[0].notes_slide.notes_text_frame.text = ORDER
    parsed = read(document)
    assert parsed.text == "Plan\n\nwords"
    assert (rules(parsed), parsed.findings[0].severity) == (["pptx.notes"], Severity.HIGH)


def test_a_hidden_slide_is_an_empty_page_and_a_finding() -> None:
    document = deck(("Seen", "one"), ("Gone", ORDER), ("Seen too", "two"))
    document.slides[1]._element.set("show", "0")
    parsed = read(document)
    assert parsed.text == "Seen\n\none\n\nSeen too\n\ntwo"
    assert [parsed.text[page.start : page.end] for page in parsed.pages][1] == ""
    assert [finding.severity for finding in parsed.findings] == [Severity.HIGH]
    assert rules(parsed) == ["pptx.hidden_slide"]


@pytest.mark.parametrize(
    ("rule", "left", "points", "hidden"),
    [
        ("pptx.off_slide", -Inches(5), 18, False),
        ("pptx.off_slide", Inches(90), 18, False),
        ("pptx.hidden_run", 0, 1, False),
        ("pptx.hidden_shape", 0, 18, True),
    ],
)
def test_what_cannot_be_seen_on_a_slide_is_left_out_and_reported(
    rule: str, left: int, points: int, hidden: bool
) -> None:
    document = deck(("Plan", "words"))
    box = document.slides[0].shapes.add_textbox(left, 0, Inches(4), Inches(2))
    run = box.text_frame.paragraphs[0].add_run()
    run.text, run.font.size = ORDER, Pt(points)
    if hidden:
        box._element.nvSpPr.cNvPr.set("hidden", "1")
    parsed = read(document)
    assert parsed.text == "Plan\n\nwords"
    assert (rules(parsed), parsed.findings[0].severity) == ([rule], Severity.HIGH)


def test_what_repeats_on_every_slide_is_not_read() -> None:
    document = deck(("Plan", "words"))
    shape = document.slides[0].shapes.add_textbox(*BOX)
    shape.text_frame.text = "page 1"
    properties = shape._element.nvSpPr.find(pptx.oxml.ns.qn("p:nvPr"))
    etree.SubElement(properties, pptx.oxml.ns.qn("p:ph")).set("type", "sldNum")
    assert read(document).text == "Plan\n\nwords"


def test_comments_and_macros_are_reported_and_not_served() -> None:
    content = saved(deck(("Plan", "words")))
    space = "http://schemas.openxmlformats.org/presentationml/2006/main"
    comments = f'<p:cmLst xmlns:p="{space}"><p:cm><p:text>{ORDER}</p:text></p:cm></p:cmLst>'
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    link = f'<Relationship Id="rId99" Type="{kind}" Target="../comments/comment1.xml"/>'
    links = "ppt/slides/_rels/slide1.xml.rels"
    parsed = read(
        repacked(
            content,
            **{
                "ppt/comments/comment1.xml": comments.encode(),
                "ppt/vbaProject.bin": b"x",
                links: part(content, links).replace(
                    b"</Relationships>", f"{link}</Relationships>".encode()
                ),
            },
        )
    )
    assert parsed.text == "Plan\n\nwords"
    assert rules(parsed) == ["pptx.comment", "pptx.macros"]


@pytest.mark.parametrize(
    ("limits", "code", "said"),
    [
        ({"max_pages": 1}, ParseErrorCode.TOO_MANY_PAGES, "slides: 2 exceed"),
        ({"max_chars": 10}, ParseErrorCode.TOO_LARGE, "split"),
        ({"max_nesting": 0}, ParseErrorCode.MALFORMED, "ungroup"),
        ({"max_unpacked_bytes": 9}, ParseErrorCode.TOO_LARGE, "unpacks to"),
    ],
)
def test_what_is_beyond_a_limit_is_refused(
    limits: dict[str, int], code: ParseErrorCode, said: str
) -> None:
    document = deck(("Plan", "words"), ("More", "words and words"))
    group = document.slides[0].shapes.add_group_shape()
    group.shapes.add_textbox(*BOX).text_frame.text = "in a group"
    with pytest.raises(ParseError, match=said) as caught:
        read(document, **limits)
    assert caught.value.code == code
