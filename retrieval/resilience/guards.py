"""The guards of an installation: one for each thing that a request needs and that may be away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from acl.postgres import transient
from ingestion.errors import (
    CatalogError,
    EmbeddingError,
    IndexLostError,
    IndexOutdatedError,
    IndexUnavailableError,
)
from retrieval.resilience.deadline import DeadlineExceededError
from retrieval.resilience.guard import Guard
from verifier.errors import SupportModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDER_SHARE: Final = 0.25
INDEX_SHARE: Final = 0.5
VERIFIER_SHARE: Final = 0.5
"""Of the time that a request has left: what comes after a fallback needs some, too."""

MISMATCH: Final = "embedder_mismatch"


class Guards:
    """One guard a dependency.

    ``catalogue`` is around the whole of a request's work, as all of it rests on the catalogue; what
    it needs besides has guards of its own within, which give up earlier. So what is late in the end
    waited for the catalogue, or for the processor.
    """

    def __init__(self) -> None:
        self.catalogue = Guard(
            "catalogue",
            away=CatalogError,
            late=DeadlineExceededError,
            counts=_catalogue_away,
            # A request reads; what it appends to the audit is on record once more, at worst.
            again=transient,
        )
        self.embedder = Guard(
            "embedder", away=EmbeddingError, counts=_embedder_away, share=EMBEDDER_SHARE
        )
        self.index = Guard(
            "index", away=IndexUnavailableError, counts=_index_away, share=INDEX_SHARE
        )
        self.verifier = Guard(
            "verifier",
            away=SupportModelError,
            counts=lambda error: isinstance(error, (SupportModelError, EmbeddingError)),
            share=VERIFIER_SHARE,
        )

    def __iter__(self) -> Iterator[Guard]:
        """All of them, in the order in which a request meets them."""
        return iter((self.catalogue, self.embedder, self.index, self.verifier))


def _catalogue_away(error: BaseException) -> bool:
    """Whether the database was not reached or did not answer; what it refuses is an answer."""
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _embedder_away(error: BaseException) -> bool:
    """A model that does not fit the index is there; it is the wrong one."""
    return isinstance(error, EmbeddingError) and error.code != MISMATCH


def _index_away(error: BaseException) -> bool:
    """One that lost a generation, or is too old for what is asked of it, has answered."""
    return isinstance(error, IndexUnavailableError) and not isinstance(
        error, (IndexLostError, IndexOutdatedError)
    )
