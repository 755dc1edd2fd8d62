"""A whole installation in a directory of its own, with a known secret and a clock that is moved.

Everything in it is the real thing but the public doubles: the memory index (or the embedded engine
in this process), the hash embedder, the fixed clock, and a recorder that keeps nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acl.admin import directory
from acl.caller import Caller
from acl.principal import Principal
from ingestion.embedding.hashing import HashEmbedder
from ingestion.jobs import SourceConfig, ingest
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.recorder import Recorder
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.support.catalogue import SECRET as SECRET  # noqa: PLC0414 - worlds are asked for it
from tests.support.clock import Clock
from tests.support.engines import usual_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from acl.orm import Database
    from ingestion.embedding.port import Embedder
    from ingestion.index.port import IndexHost
    from ingestion.report import RunReport
    from ingestion.sources.base import Source
    from retrieval.evidence import RetrieveResponse
    from retrieval.recorder import Rows
    from tests.support.catalogue import Blank

TENANT = "bank"
DIMENSIONS = 32


def open_catalogue(blank: Blank, directory_: Path) -> Database:
    """A copy of the blank catalogue, its files in ``directory_``."""
    return blank.open(directory_)


class NoRecorder(Recorder):
    """A recorder that keeps nothing, so that closing a world need not wait for its thread."""

    def add(self, tenant: str, rows: Rows) -> None:
        """Forget it."""


def caller(subject: str = "user:ann", *, tenant: str = TENANT, actor: str | None = None) -> Caller:
    """A caller by the text of its principals."""
    return Caller(
        tenant, Principal.parse(subject), () if actor is None else (Principal.parse(actor),)
    )


@dataclass(frozen=True)
class Installation:
    """One installation, its clock, and what tests do with it."""

    runtime: Runtime
    clock: Clock

    @classmethod
    @contextmanager
    def open(
        cls,
        blank: Blank,
        directory_: Path,
        *,
        host: IndexHost | None = None,
        embedder: Embedder | None = None,
        **settings: Any,
    ) -> Iterator[Installation]:
        """Open a new installation over a copy of the blank catalogue.

        Args:
            blank: from the ``blank_catalogue`` fixture.
            directory_: an empty directory.
            host: the index; None for the memory oracle, or what the suite runs on.
            embedder: None for the hash embedder.
            settings: fields of :class:`retrieval.settings.Settings` to set.
        """
        database = open_catalogue(blank, directory_)
        clock = Clock()
        runtime = Runtime(
            Settings(
                data_dir=directory_,
                # Beside it, so that worlds to be compared byte for byte sign with one key.
                signing_dir=directory_.parent / "signing",
                embedder=f"hash:{DIMENSIONS}",
                **settings,
            ),
            database,
            audit_database=blank.open_audit(directory_),
            host=usual_host() if host is None else host,
            embedder=HashEmbedder(DIMENSIONS) if embedder is None else embedder,
            clock=clock,
        )
        runtime.recorder = NoRecorder(database)
        with runtime:
            yield cls(runtime, clock)

    def ensure_tenant(self, tenant: str = TENANT) -> None:
        """Make a tenant."""
        directory.ensure_tenant(self.runtime.database, tenant, now=self.clock())

    @contextmanager
    def change(self, tenant: str = TENANT) -> Iterator[Session]:
        """One write transaction; the tenant is made if need be."""
        self.ensure_tenant(tenant)
        with self.runtime.database.write(tenant) as session:
            yield session

    def know(self, *principals: str, tenant: str = TENANT) -> None:
        """Make principals known."""
        with self.change(tenant) as session:
            for principal in principals:
                directory.ensure_principal(
                    session, tenant, Principal.parse(principal), now=self.clock()
                )

    def join(self, group: str, *members: str, tenant: str = TENANT) -> None:
        """Put members into a group."""
        with self.change(tenant) as session:
            for member in members:
                directory.add_member(
                    session,
                    tenant,
                    Principal.parse(group),
                    Principal.parse(member),
                    now=self.clock(),
                )

    def leave(self, group: str, member: str, tenant: str = TENANT) -> None:
        """Take a member out of a group."""
        with self.change(tenant) as session:
            directory.remove_member(
                session, tenant, Principal.parse(group), Principal.parse(member)
            )

    def enable(self, principal: str, *, enabled: bool, tenant: str = TENANT) -> None:
        """Switch a principal on or off."""
        with self.change(tenant) as session:
            directory.set_enabled(session, tenant, Principal.parse(principal), enabled=enabled)

    def ingest(
        self,
        source: Source,
        *,
        tenant: str = TENANT,
        acl_max_age_seconds: int | None = None,
        **options: Any,
    ) -> RunReport:
        """Run the real ingest job, deletions confirmed."""
        return ingest(
            self.runtime.ingest_context(),
            source,
            tenant=tenant,
            config=SourceConfig("memory", {}, acl_max_age_seconds=acl_max_age_seconds),
            confirm_deletions=True,
            **options,
        )

    def ask(
        self, who: Caller, query: str = "travel allowance abroad", **request: Any
    ) -> RetrieveResponse:
        """Ask one question; without a relevance threshold unless one is given."""
        asked = RetrieveRequest(query=query, **{"min_relevance": 0.0, **request})
        return retrieve(self.runtime, who, asked, request_id="request-1")

    def texts(
        self, who: Caller, query: str = "travel allowance abroad", **request: Any
    ) -> list[str]:
        """The texts one question brings."""
        return [piece.text for piece in self.ask(who, query, **request).evidence]
