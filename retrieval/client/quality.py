"""Datasets of ``GET /v1/quality`` as frames, for notebooks.

pandas is loaded when a frame is asked for, not before; so is pyarrow, with which a dataset comes
in one piece and fast. Without it the same rows come in pages.
"""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import stamina

from retrieval.client.errors import UnreadableReplyError
from retrieval.client.wire import Connection, refusal, unreached
from retrieval.quality.datasets import SHAPES, Dataset, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

_PAGE: Final = 2_000
_DTYPES: Final = {
    Kind.TEXT: "string",
    Kind.DAY: "string",
    Kind.TIME: "datetime64[us, UTC]",
    Kind.INTEGER: "float64",  # a cell that is left out has no figure
    Kind.NUMBER: "float64",
    Kind.CODES: "object",
    Kind.YES_NO: "bool",
}


class Quality:
    """The quality records of a service, read with a token that has the scope ``analyst``.

    Close it, or use it as a context manager. Every call raises
    :class:`~retrieval.client.RefusedError` if the service says no, and
    :class:`~retrieval.client.NotReachedError` if it is not there.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the service; else ``CLEARANCE_URL``.
            token: an API key or JWT; else ``CLEARANCE_TOKEN``.
            timeout: seconds to wait for the next bytes.
            attempts: how often a call is sent at most while the service is not ready.
            transport: another way to it, such as a proxy's.

        Raises:
            ValueError: one of them is missing or cannot be.
        """
        self._connection = Connection.of(url, token, timeout=timeout, attempts=attempts)
        self._http = httpx.Client(transport=transport, **self._connection.options())

    def __repr__(self) -> str:
        return f"Quality({self._connection.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def frame(
        self,
        dataset: Dataset | str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        source: str | None = None,
        generation: str | None = None,
    ) -> pd.DataFrame:
        """A dataset as a frame, oldest first; its columns are described in ``docs/quality.md``.

        Args:
            dataset: which, such as ``"retrievals"``.
            since: at or after; aware.
            until: before; aware.
            source: only rows that rest on this source, as rows name it.
            generation: only rows answered by this build of the index.

        Returns:
            The columns of :data:`retrieval.quality.datasets.SHAPES`; whole numbers are floats where
            a cell may be left out. An empty period gives no rows and the same columns.

        Raises:
            ValueError: there is no such dataset.
            ImportError: pandas is not installed (extra ``notebooks``).
        """
        import pandas  # noqa: ICN001, PLC0415 - heavy, and an extra; not the name of its types

        which = Dataset(dataset)
        asked = _asked(since=since, until=until, source=source, generation=generation)
        if importlib.util.find_spec("pyarrow") is not None:
            return _typed(which, self._whole(which, asked))
        rows = [row for page in self._pages(which, asked) for row in page["rows"]]
        return _typed(which, pandas.DataFrame(rows, columns=list(SHAPES[which].names)))

    def min_relevance(self) -> float:
        """The relevance below which the service answers ``no_evidence``."""
        page = self._get(Dataset.SOURCES, {"limit": "1"}).json()
        return float(page["min_relevance"])

    def pages(
        self,
        dataset: Dataset | str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        source: str | None = None,
        generation: str | None = None,
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The rows of a dataset page by page, as JSON values; needs neither pandas nor pyarrow."""
        asked = _asked(since=since, until=until, source=source, generation=generation)
        for page in self._pages(Dataset(dataset), asked):
            yield page["rows"]

    def _pages(self, dataset: Dataset, asked: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            turn = {} if cursor is None else {"cursor": cursor}
            page = self._get(dataset, {**asked, "limit": str(_PAGE), **turn}).json()
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    def _whole(self, dataset: Dataset, asked: Mapping[str, str]) -> pd.DataFrame:
        import pandas  # noqa: ICN001, PLC0415 - as above

        content = self._get(dataset, {**asked, "format": "parquet"}).content
        return pandas.read_parquet(io.BytesIO(content))

    def _get(self, dataset: Dataset, params: Mapping[str, str]) -> httpx.Response:
        for attempt in stamina.retry_context(**self._connection.retries()):
            with attempt:
                try:
                    response = self._http.get(f"/v1/quality/{dataset}", params=dict(params))
                except httpx.TransportError as error:
                    raise unreached(error) from error
                if response.is_error:
                    raise refusal(response)
                if response.status_code != httpx.codes.OK:
                    raise UnreadableReplyError(
                        f"something answered {response.status_code}: check the url"
                    )
                return response
        raise AssertionError("an attempt returns or raises")


def _asked(
    *, since: datetime | None, until: datetime | None, source: str | None, generation: str | None
) -> dict[str, str]:
    given = {
        "since": None if since is None else since.isoformat(),
        "until": None if until is None else until.isoformat(),
        "source": source,
        "generation": generation,
    }
    return {name: value for name, value in given.items() if value is not None}


def _typed(dataset: Dataset, frame: pd.DataFrame) -> pd.DataFrame:
    """The same types whichever way the rows came, with lists for codes."""
    columns = {column.name: _DTYPES[column.kind] for column in SHAPES[dataset].columns}
    typed = frame[list(columns)].astype(columns)
    lists = [name for name, kind in columns.items() if kind == "object"]
    return typed.assign(**{name: typed[name].map(list).astype("object") for name in lists})
