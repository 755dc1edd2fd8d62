"""A chunk cut from the middle of a file still says where it is from and what its figures mean."""

import re

from ingestion.chunking import Chunker
from ingestion.documents import RawDocument, SourceItem
from ingestion.embedding.hashing import HashEmbedder
from ingestion.prepare import Prepared, prepare
from tests.support.files import ORDER, deck, mail, saved, workbook
from verifier.findings import Severity

CHUNKER = Chunker(HashEmbedder().count_tokens, max_tokens=24)
ROW = re.compile(r"City: city\d+ \| Units: \d+ \| Price: \d+")


def made(content: bytes, name: str) -> Prepared:
    item = SourceItem(name, f"memory://{name}", "staff", len(content), None)
    prepared = prepare(RawDocument(item, content), CHUNKER)
    for chunk in prepared.chunks:
        assert prepared.parsed.text[chunk.start : chunk.end] == chunk.text
    return prepared


def test_every_row_of_a_long_table_names_its_columns_in_whatever_chunk_it_is() -> None:
    rows = [["City", "Units", "Price"], *([f"city{n}", n, n * 2] for n in range(100))]
    csv = "\n".join(",".join(map(str, row)) for row in rows).encode()
    for content, name in ((saved(workbook(("North", rows))), "a.xlsx"), (csv, "a.csv")):
        prepared = made(content, name)
        assert len(prepared.chunks) > 20
        assert sum(len(ROW.findall(chunk.text)) for chunk in prepared.chunks) == 100
        for chunk in prepared.chunks[1:]:
            assert all(ROW.fullmatch(line) for line in chunk.text.splitlines())


def test_chunks_of_a_workbook_stand_under_their_sheet_and_on_its_page() -> None:
    book = workbook(("North", [["alpha"]]), ("Empty", []), ("South", [["beta"]]))
    chunks = made(saved(book), "a.xlsx").chunks
    assert [(chunk.heading_path, chunk.page) for chunk in chunks] == [
        (("North",), 1),
        (("South",), 3),
    ]


def test_a_slide_without_a_title_does_not_stand_under_the_one_before_it() -> None:
    document = deck(("Plan", "first words"))
    slide = document.slides.add_slide(document.slide_layouts[6])
    slide.shapes.add_textbox(0, 0, 9_000_000, 900_000).text_frame.text = "words alone"
    chunks = made(saved(document), "a.pptx").chunks
    assert [(chunk.text, chunk.heading_path, chunk.page) for chunk in chunks] == [
        ("Plan\n\nfirst words", ("Plan",), 1),
        ("words alone", (), 2),
    ]


def test_an_attachments_chunks_stand_under_its_name() -> None:
    message = mail("the body", subject="Offer")
    message.add_attachment(b"City,Units\nOslo,12\n", "text", "csv", filename="units.csv")
    chunks = made(message.as_bytes(), "a.eml").chunks
    assert chunks[-1].heading_path == ("Offer", "units.csv")
    assert "City: Oslo | Units: 12" in chunks[-1].text


def test_instructions_hidden_on_one_slide_put_every_chunk_under_suspicion() -> None:
    document = deck(("Plan", "first words"), ("Costs", "second words"))
    document.slides[1].notes_slide.notes_text_frame.text = ORDER
    for chunk in made(saved(document), "a.pptx").chunks:
        assert Severity.HIGH in {finding.severity for finding in chunk.findings}
