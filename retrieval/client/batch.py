"""Documents line by line: cut into batches that the service takes whole, and the results read.

What never lives here: the sending, and any second try: of lines without a result only whoever sent
them knows whether to send them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from retrieval.client.errors import RefusedError, UnreadableReplyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_LINES: Final = 500
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one batch, well below what the service takes: results come in good time."""

_HEADERS: Final = {"Content-Type": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one document.

    Attributes:
        external_id: its name in the source, as it was sent.
        document_id: as citations of it will say; None if it was refused.
        status: ``accepted``, ``late``, …; None if it was refused.
        problem: why it was refused; None if it is durable.
    """

    external_id: str
    document_id: str | None = None
    status: str | None = None
    problem: RefusedError | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents as they are sent."""

    names: tuple[str, ...]
    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the request."""
        return _HEADERS


def lines_of(documents: Iterable[Mapping[str, Any]]) -> Iterator[Batch]:
    """Batches of documents, in their order.

    Raises:
        ValueError: a document has no name, or is not JSON; those before it have been yielded.
    """
    names: list[str] = []
    lines: list[bytes] = []
    size = 0
    for number, document in enumerate(documents, start=1):
        line = _line(number, document)
        if lines and (len(lines) == MAX_LINES or size + len(line) > MAX_BYTES):
            yield Batch(tuple(names), b"".join(lines))
            names, lines, size = [], [], 0
        names.append(str(document["id"]))
        lines.append(line)
        size += len(line)
    if lines:
        yield Batch(tuple(names), b"".join(lines))


def told(batch: Batch, content: bytes) -> Iterator[Delivered]:
    """The results of a batch, one for each document that was looked at.

    Raises:
        RefusedError: the service would not go on; the results before stand.
        UnreadableReplyError: the reply breaks off, or is none.
    """
    for raw in content.splitlines():
        try:
            line = json.loads(raw)
            if "summary" in line:
                stopped = line["summary"].get("problem")
                if stopped is not None:
                    raise RefusedError.of(stopped)
                return
            yield _result(batch.names[line["line"] - 1], line)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise UnreadableReplyError("the results of a batch are not as expected") from error
    raise UnreadableReplyError("the results of a batch break off: deliver again what was not told")


def _line(number: int, document: Mapping[str, Any]) -> bytes:
    if not str(document.get("id") or ""):
        raise ValueError(f"document {number} has no id: give its name in the source")
    try:
        # Lines of a batch end at a line feed, of which JSON has none that is not escaped.
        return json.dumps(document, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise ValueError(f"document {number} cannot be written as JSON: {error}") from error


def _result(name: str, line: Mapping[str, Any]) -> Delivered:
    if "problem" in line:
        return Delivered(name, problem=RefusedError.of(line["problem"]))
    return Delivered(name, str(line["document_id"]), str(line["status"]))
