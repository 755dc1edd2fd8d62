"""The runtime: one opened installation, and everything a query or a job needs of it.

Opening is cheap: the catalogue is migrated if it must be, and nothing else. The embedder and the
index are reached for when first needed, or by :meth:`Runtime.warm`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Self

from acl.admin.directory import installation_secret
from acl.audit.checkpoints import CHECKPOINT_EVERY, every
from acl.audit.ledger import Ledger
from acl.audit.models import Stream
from acl.errors import TenantDisabledError
from acl.identity.authenticate import Authenticator
from acl.identity.faults import RefusedTokenError
from acl.identity.key_use import KeyUse
from acl.orm import Database, utc_now
from acl.resolver import Resolver
from acl.signing import Signer
from ingestion.active import (
    current_generation,
    generation_row,
    require_embedder,
    require_generation,
)
from ingestion.errors import GenerationError
from ingestion.index.hosts import create_host
from retrieval import metrics as measure
from retrieval.denials import Denial, record_denial
from retrieval.flags.board import FlagBoard
from retrieval.issuers import create_tokens
from retrieval.recorder import Recorder
from retrieval.resilience.guards import Guards
from retrieval.resilience.memory import Embeddings, Findings
from retrieval.schema import keep_private, upgrade
from retrieval.settings import AUDIT, CATALOGUE
from retrieval.support_model import choice_for, load_support_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from acl.caller import Caller
    from acl.identity.authenticate import Identity
    from ingestion.context import IngestContext
    from ingestion.embedding.port import Embedder
    from ingestion.errors import QuotaExceededError
    from ingestion.index.port import IndexHost, VectorIndex
    from ingestion.models import GenerationRow
    from retrieval.limits.admission import Admission
    from retrieval.limits.budgets import Operation
    from retrieval.settings import Settings
    from verifier.support_model import SupportModel

    OnMessage = Callable[[str], None]


class Runtime:
    """One installation, opened. Thread-safe; close it, or use it as a context manager.

    Args:
        settings: what the operator set.
        database: the catalogue, already at the current schema.
        audit_database: where the audit's access stream lives, at the same schema; None for the
            catalogue itself.
        host: the index engine; None for the one the settings name.
        embedder: the embedder; None for the one the settings name.
        clock: aware UTC; tests give their own.
        on_progress: told what a slow start is doing.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        audit_database: Database | None = None,
        host: IndexHost | None = None,
        embedder: Embedder | None = None,
        clock: Callable[[], datetime] = utc_now,
        on_progress: OnMessage | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.audit_database = database if audit_database is None else audit_database
        self.clock = clock
        self.secret = installation_secret(database, now=clock())
        self.resolver = Resolver(self.secret, max_acls=settings.max_visible_acls)
        self.flags = FlagBoard(database)
        self.recorder = Recorder(database)
        self.key_use = KeyUse(database)
        self.authenticator = Authenticator(
            database, tokens=create_tokens(settings.issuers), used=self.key_use
        )
        self.ledger = Ledger(
            self.audit_database,
            clock=clock,
            on_appended=every(CHECKPOINT_EVERY, lambda: self.signer, clock=clock),
        )
        self.guards = Guards()
        self.embeddings = Embeddings()
        self.findings = Findings(settings.earlier_search_seconds)
        self._host = host
        self._embedder = embedder
        self._on_progress = on_progress
        self._spec = settings.embedder if embedder is None else embedder.name
        self._others: dict[str, Embedder] = {}
        self._of_generation: dict[str, Embedder] = {}
        self._made: dict[str, GenerationRow] = {}
        self._indexes: dict[str, VectorIndex] = {}
        self._signer: Signer | None = None
        self._lock = threading.RLock()
        # Apart: while an engine that hangs is being opened, embedders must still be had, and while
        # a model is loaded, the engine.
        self._opening = threading.Lock()
        self._reaching = threading.Lock()
        self._warming: threading.Thread | None = None

    @classmethod
    def open(cls, settings: Settings, *, on_progress: OnMessage | None = None) -> Self:
        """Open the installation the settings describe, creating or migrating it if needed."""
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = audit = _opened(settings, settings.catalogue_url, CATALOGUE)
        if settings.audit_url != settings.catalogue_url:
            audit = _opened(settings, settings.audit_url, AUDIT)
        return cls(settings, database, audit_database=audit, on_progress=on_progress)

    @property
    def host(self) -> IndexHost:
        """The index engine, reached for on first use."""
        with self._reaching:
            if self._host is None:
                self._host = create_host(
                    self.settings.data_dir,
                    idle_seconds=self.settings.index_idle_seconds,
                    server=self.settings.qdrant(self.secret),
                    builds=self.settings.index_engine,
                )
            return self._host

    @property
    def embedder(self) -> Embedder:
        """The configured embedder, loaded on first use: what a new generation is built with."""
        with self._lock:
            if self._embedder is None:
                self._embedder = self._create_embedder(self.settings.embedder)
            return self._embedder

    def load_embedder(self, spec: str) -> Embedder:
        """The embedder that a line of configuration names, loaded on first use.

        Raises:
            EmbeddingError: it names none, or the model cannot be loaded.
        """
        with self._lock:
            if spec == self._spec:
                return self.embedder
            if spec not in self._others:
                self._others[spec] = self._create_embedder(spec)
            return self._others[spec]

    def embedder_for(self, generation: str) -> Embedder:
        """The embedder whose vectors a generation holds: what its queries are embedded with.

        An id is never given to a second generation, so what was found once holds.

        Raises:
            EmbeddingError: it cannot be loaded, or it is no longer the same.
        """
        with self._lock:
            if generation not in self._of_generation:
                row = self.made(generation)
                embedder = self.load_embedder(self._spec if row.spec is None else row.spec)
                require_embedder(embedder, row)
                self._of_generation[generation] = embedder
            return self._of_generation[generation]

    @cached_property
    def admission(self) -> Admission:
        """Who is worked on now, on every surface but the local command line."""
        from retrieval.limits.admission import Admission  # noqa: PLC0415 - a service's alone

        def on_spell(caller: Caller, operation: Operation, error: QuotaExceededError) -> None:
            fault = f"{error.holder}:{error.budget}"
            record_denial(self, caller, Denial("admission", operation, error.code, fault=fault))

        return Admission(self.settings, secret=self.secret, on_spell=on_spell)

    def made(self, generation: str) -> GenerationRow:
        """What a generation was made with: its embedder's name, fingerprint and dimensions.

        None of it ever changes, so it is known even while the embedder cannot be loaded.

        Raises:
            GenerationError: there never was such a generation.
        """
        made = self._made.get(generation)
        if made is None:  # twice at the same moment does no harm, and nobody waits for a lock
            made = generation_row(self.database, generation)
            if made is None:
                raise GenerationError(f"{generation}: there is no such generation")
            self._made[generation] = made
        return made

    @cached_property
    def support_model(self) -> SupportModel | None:
        """Who judges support besides the rules, loaded on first use; None for nobody.

        Raises:
            SupportModelError, EmbeddingError: it cannot be loaded.
        """
        choice = self.settings.support_model or choice_for(self.settings.embedder)
        return load_support_model(choice, threads=self.settings.threads)

    def _create_embedder(self, spec: str) -> Embedder:
        from ingestion.embedding.factory import create_embedder  # noqa: PLC0415 - heavy

        return create_embedder(
            spec,
            model_dir=self.settings.model_dir,
            threads=self.settings.threads,
            on_progress=self._on_progress,
        )

    @property
    def signer(self) -> Signer:
        """What signs receipts and checkpoints; a first key is made on first use.

        Raises:
            acl.errors.SigningKeyError: the directory or the key cannot be used.
        """
        with self._lock:
            if self._signer is None:
                self._signer = Signer.open(self.settings.signing_path)
            return self._signer

    def audit_home(self, stream: Stream) -> Database:
        """Where a stream of the audit lives: administration always beside what it tells of."""
        return self.database if stream is Stream.ADMINISTRATION else self.audit_database

    def generation(self) -> GenerationRow | None:
        """The active generation, or None while nothing was ever ingested."""
        return current_generation(self.database)

    def index(self, generation: str) -> VectorIndex:
        """The index of a generation that the catalogue says is there.

        Raises:
            GenerationError: there never was such a generation.
            IndexUnavailableError: the engine does not answer, or it lost the generation. Opening
                would make an empty one, and an empty index answers "nothing" to every question.
        """
        with self._opening:
            if generation not in self._indexes:
                require_generation(self.host, generation)
                self._indexes[generation] = self.host.open(
                    generation, dimensions=self.made(generation).dimensions
                )
            return self._indexes[generation]

    def forget_index(self, generation: str) -> None:
        """Drop the handle of a generation that turned out to be gone."""
        handle = self._indexes.pop(generation, None)
        if handle is not None:
            handle.close()

    def ingest_context(self) -> IngestContext:
        """What ingestion needs of this installation."""
        from ingestion.context import IngestContext  # noqa: PLC0415 - queries need no parsers
        from ingestion.lock import lock_for  # noqa: PLC0415 - nor do they lock anything
        from ingestion.parsing.limits import ParseLimits  # noqa: PLC0415

        return IngestContext(
            database=self.database,
            secret=self.secret,
            host=self.host,
            embedder=self.embedder,
            lock_path=lock_for(self.database, self.settings.data_dir / "write.lock"),
            clock=self.clock,
            limits=ParseLimits(),
            spec=self._spec,
            load=self.load_embedder,
            parse_seconds=self.settings.parse_seconds,
            parse_workers=self.settings.parse_workers,
        )

    def identify(self, token: str) -> Identity:
        """Who a bearer token speaks for, and for whom it was meant.

        Raises:
            acl.errors.InvalidTokenError: the token is no good, for whatever reason.
            acl.errors.TenantDisabledError: it is good, and its tenant is switched off.
            acl.errors.AuditError: a refusal that belongs on record could not be put there.
        """
        try:
            return self.guards.catalogue.call(
                lambda: self.authenticator.identify(token, now=self.clock())
            )
        except RefusedTokenError as error:
            # Whoever sent it reads one message for all; the operator can tell them apart.
            measure.current().token_refused(fault=error.fault)
            _log_refusal(error.fault)
            self._on_record(error.caller, code=error.code, fault=error.fault)
            raise
        except TenantDisabledError as error:
            self._on_record(error.caller, code=error.code)
            raise

    def authenticate(self, token: str) -> Caller:
        """The caller a bearer token speaks for; raises as :meth:`identify` does."""
        return self.identify(token).caller

    def _on_record(self, refused: Caller | None, *, code: str, fault: str | None = None) -> None:
        """Audit that a credential was refused, if whoever sent it proved to hold it."""
        if refused is not None:
            record_denial(self, refused, Denial("token", "authenticate", code, fault=fault))

    def warm(self) -> None:
        """Load the embedder and connect to the index, so that the first query need not."""
        row = self.generation()
        if row is None:
            self.embedder.embed_query("warm up")
        else:
            with ThreadPoolExecutor(1, thread_name_prefix="warm") as beside:
                counted = beside.submit(lambda: self.index(row.id).count())
                self.embedder_for(row.id).embed_query("warm up")
                counted.result()

    def warm_meanwhile(self) -> None:
        """Begin to :meth:`warm` beside what the caller does next, such as importing the rest.

        Model and index are loaded by code that leaves the interpreter to others. What fails is met
        again by the first query, and told there. Where nothing was ingested nothing is loaded.
        """

        def load() -> None:
            with suppress(Exception):
                if self.generation() is not None:
                    self.warm()

        self._warming = threading.Thread(target=load, name="warm")
        self._warming.start()

    def close(self) -> None:
        """Write out what is recorded and let go of everything."""
        if self._warming is not None:
            self._warming.join()
        if "admission" in self.__dict__:
            self.admission.close()
        self.recorder.close()
        self.key_use.close()
        self.ledger.close()
        with self._lock:
            for handle in list(self._indexes.values()):
                handle.close()
            self._indexes.clear()
            if self._host is not None:
                self._host.close()
            for embedder in (self._embedder, *self._others.values()):
                if embedder is not None:
                    embedder.close()
        self.audit_database.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _opened(settings: Settings, url: str, name: str) -> Database:
    """The database at ``url``, at the current schema; if it is our own file, only its owner's."""
    keep_private(url, settings.data_dir / name)
    database = Database(url, connections=settings.connections)
    upgrade(database)
    return database


def _log_refusal(fault: str) -> None:
    import structlog  # noqa: PLC0415 - a cold command that is refused nothing need not load it

    structlog.get_logger(__name__).info("token_refused", fault=fault)
