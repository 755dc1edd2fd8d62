"""Errors of the ingestion package: one root, each with a code, each saying what to do.

::

    IngestionError                 ingestion_error
    ├── ParseError                 empty, encrypted, too_large, too_many_pages, binary, malformed,
    │                              unsupported, timeout
    ├── ParserUnavailableError     parser_unavailable: no process that parses can be started
    ├── WorkersLostError           workers_lost: the workers of an engine cannot be had
    ├── AclFileError               acl_invalid: a sidecar that cannot be obeyed (file, line, field)
    ├── AclNotUsableError          acl_not_usable: a push names an ACL its source may not use
    ├── SourceError                source_unreadable: a source that cannot be listed or fetched from
    │   └── RedirectedError        redirected: a server led to where nothing may be fetched from
    ├── RowError                   row_invalid, acl_missing, acl_invalid: one row of a manifest or
    │                              of a query that cannot be offered
    ├── CatalogError               catalog_unavailable: the source of truth does not answer
    ├── IndexUnavailableError      index_unavailable: the index does not answer
    │   ├── IndexLostError         index_unavailable: it answers, and a generation is not there
    │   └── IndexOutdatedError     index_outdated: it does not hold what a filter asks for
    ├── EmbeddingError             embedding_failed: no vector could be made
    ├── GenerationError            generation_unknown, generation_state, gate_refused,
    │                              questions_invalid
    ├── EvaluationError            evaluation_invalid: a file of labelled lines that cannot be read
    ├── IdempotencyConflictError   idempotency_conflict: a key came with another request before
    ├── ErasureError               erasure_refused, nothing_to_erase
    ├── BackupError                backup_invalid: a backup that cannot be made or trusted
    ├── RefusedForNowError         overloaded: not now, whoever asks
    │   ├── QuotaExceededError     quota_exceeded: this caller has used what a budget grants
    │   └── BudgetStoreError       budget_unavailable: a budget that closes cannot be counted
    ├── InvalidFlagError           invalid_flag: a flag that does not exist, or not with that value
    ├── ReadOnlyError              read_only: operators have stopped writes to this tenant
    ├── SwitchedOffError           switched_off: operators have switched this operation off
    └── BusyError                  busy: somebody else holds the data directory or the job
        └── RunBusyError           busy: a run of the same source waits or goes on

The message names the field and the remedy; the code is what programs branch on. What never lives
here: HTTP statuses (decided once, in ``retrieval.api.problems``) and the text of documents, which
an error message would carry past every access check.
"""

import math
from enum import StrEnum
from typing import ClassVar


class IngestionError(Exception):
    """Something in ingestion could not be done; the root of this package's errors.

    Attributes:
        code: What programs branch on; stable across versions.
        message: One sentence for people: what was wrong, with what, and the remedy.
    """

    default_code: ClassVar[str] = "ingestion_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class ParseErrorCode(StrEnum):
    """Why one file yielded no text."""

    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    TOO_MANY_PAGES = "too_many_pages"
    BINARY = "binary"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"


class ParseError(IngestionError):
    """A document yielded no text that could be indexed; the rest of the run goes on."""

    default_code = ParseErrorCode.MALFORMED


class ParserUnavailableError(IngestionError):
    """No worker process could be started, so no file can be parsed; none of them is to blame."""

    default_code = "parser_unavailable"


class WorkersLostError(IngestionError):
    """The workers of a run's engine cannot be started, or died again and again."""

    default_code = "workers_lost"


class AclFileError(IngestionError):
    """An ``.acl.yaml`` cannot be obeyed, so nothing beneath it may be indexed.

    Attributes:
        file: Path of the sidecar relative to the source's root.
        line: Line of the offending key or value, counted from 1; None where none is known.
        field: Dotted path of the offending key, such as ``allow[2].expires_at``; None for the file.
    """

    default_code = "acl_invalid"

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int | None = None,
        field: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.file = file
        self.line = line
        self.field = field

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class AclNotUsableError(IngestionError):
    """A document was pushed under the name of an ACL that its source may not use, or is absent."""

    default_code = "acl_not_usable"


class SourceError(IngestionError):
    """A source could not be listed, or one of its items could not be fetched."""

    default_code = "source_unreadable"


class RedirectedError(SourceError):
    """A server answered with an address that may not be fetched from; nobody was asked there."""

    default_code = "redirected"


class RowError(IngestionError):
    """One row of a manifest or of a query cannot be offered; the others go on."""

    default_code = "row_invalid"


class CatalogError(IngestionError):
    """The catalogue refused or did not answer; nothing was acknowledged."""

    default_code = "catalog_unavailable"


class IndexUnavailableError(IngestionError):
    """The index did not answer; the catalogue holds what is needed to rebuild it."""

    default_code = "index_unavailable"


class IndexLostError(IndexUnavailableError):
    """The engine answers, and does not hold what the catalogue says it holds."""


class IndexOutdatedError(IndexUnavailableError):
    """The index was built before what is asked of it was stored; building it anew mends that."""

    default_code = "index_outdated"


class EmbeddingError(IngestionError):
    """The embedder could not be loaded or gave no usable vector."""

    default_code = "embedding_failed"


class GenerationError(IngestionError):
    """A generation is not there, or not in the state that what was asked of it needs."""

    default_code = "generation_state"


class ErasureError(IngestionError):
    """What was to be erased is not there, or too vague to be searched for."""

    default_code = "erasure_refused"


class BackupError(IngestionError):
    """A backup cannot be made, or what was given is none that can be trusted."""

    default_code = "backup_invalid"


class BusyError(IngestionError):
    """Another process holds the lock; waiting or stopping it is the remedy."""

    default_code = "busy"


class RunBusyError(BusyError):
    """A run was asked for while another of the same source waits or goes on."""


class IdempotencyConflictError(IngestionError):
    """An ``Idempotency-Key`` came back with a request that is not the one it came with first."""

    default_code = "idempotency_conflict"


class EvaluationError(IngestionError):
    """A file of labelled lines holds one that cannot be read: the file, the line and the field."""

    default_code = "evaluation_invalid"


class RefusedForNowError(IngestionError):
    """The service does not take this request now; the same request may be taken later.

    Attributes:
        retry_after: whole seconds after which asking again makes sense, at least 1.
    """

    default_code = "overloaded"

    def __init__(self, message: str, *, retry_after: float = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = max(1, math.ceil(retry_after))


class QuotaExceededError(RefusedForNowError):
    """A budget of the caller, or of the caller's tenant, is used up.

    Attributes:
        budget: which, such as ``requests``.
        holder: whose: ``user`` or ``tenant``.
    """

    default_code = "quota_exceeded"

    def __init__(
        self, message: str, *, retry_after: float = 1, budget: str = "", holder: str = ""
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.budget = budget
        self.holder = holder


class BudgetStoreError(RefusedForNowError):
    """Use cannot be counted, and the budget concerned rather refuses than goes uncounted."""

    default_code = "budget_unavailable"


class InvalidFlagError(IngestionError):
    """A flag was named that does not exist, or was given a value that it does not take."""

    default_code = "invalid_flag"


class ReadOnlyError(IngestionError):
    """Operators have stopped writes to this tenant; questions are answered as before."""

    default_code = "read_only"


class SwitchedOffError(IngestionError):
    """Operators have switched this route or tool off for this tenant."""

    default_code = "switched_off"
