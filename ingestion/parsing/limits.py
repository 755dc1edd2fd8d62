"""How much one file may cost: the limits every parser obeys. No parser has limits of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds against files made to exhaust memory or time.

    Attributes:
        max_bytes: Size of the file.
        max_pages: Pages of a PDF, slides of a presentation, sheets of a workbook.
        max_chars: Code points of extracted text.
        max_nesting: Depth of HTML elements, Markdown blocks, tables, or groups of shapes.
        max_unpacked_bytes: Size of a packed file (DOCX, PPTX, XLSX) when unpacked.
        max_unpacked_ratio: Unpacked size over packed size of a file above ``ratio_floor_bytes``.
        ratio_floor_bytes: Up to this unpacked size no ratio is suspicious.
        max_parts: Files inside a packed file; parts of a mail.
        max_cell_chars: Code points of one cell of a table file (CSV, XLSX).
        max_columns: Cells in one row of a table file.
        max_attached: Depth of documents within documents: mail attached to mail, files to those.
    """

    max_bytes: int = 50_000_000
    max_pages: int = 2_000
    max_chars: int = 20_000_000
    max_nesting: int = 256
    max_unpacked_bytes: int = 200_000_000
    max_unpacked_ratio: int = 200
    ratio_floor_bytes: int = 5_000_000
    max_parts: int = 10_000
    max_cell_chars: int = 131_072
    max_columns: int = 16_384
    max_attached: int = 3
