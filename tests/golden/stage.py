"""The small world of a trace as a live service, and an attacker's site that notes who comes."""

from __future__ import annotations

import re
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import anyio
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import select

from acl.caller import ApiScope
from acl.identity.keys import create_key, revoke_key
from acl.principal import Principal
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import DocumentRow, OccurrenceRow
from retrieval.api.app import create_app
from tests.golden.agent import Agent
from tests.golden.traces import Source
from tests.support.installation import Installation
from tests.support.source import ListedSource, Shelved, acl, allow
from tests.support.web import serving, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acl.identity.keys import NewKey
    from tests.golden.traces import Ending, Meanwhile, Trace
    from tests.support.catalogue import Blank
    from tests.support.web import Site

_ATTACKER: Final = "{attacker}"
_CHUNK: Final = re.compile(r"\{(chunk:([^/}]+)/([^/}]+)/([^/}]+))\}")


@dataclass
class Stage:
    """A trace's world while it is being played.

    Attributes:
        attacker: the site whose address stands in documents.
        agent: set once the agent is at work.
        ids: names of ids that documents tell, by id.
    """

    installation: Installation
    trace: Trace
    url: str
    attacker: Site
    key: NewKey
    agent: Agent | None = None
    ids: dict[str, str] = field(default_factory=dict)

    def play(self) -> Ending:
        """Let the agent carry out its plan, over the official client."""
        return anyio.run(self._play)

    async def _play(self) -> Ending:
        headers = {"Authorization": f"Bearer {self.key.token}"}
        # A machine that does much else besides is not a failure.
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with Client(transport) as client:
                self.agent = Agent(client, http, _open, self._happens, self.ids)
                return await self.agent.carry_out(self.trace.plan)

    def _happens(self, meanwhile: Meanwhile) -> None:
        """Change the world while the agent is at work."""
        tenant = self.trace.asks.partition("/")[0]
        if meanwhile.leave is not None:
            self.installation.leave(*meanwhile.leave, tenant=tenant)
        if meanwhile.seconds is not None:
            self.installation.clock.advance(timedelta(seconds=meanwhile.seconds))
        if meanwhile.rewrite is not None:
            for name, documents in meanwhile.rewrite.items():
                self._fill(tenant, name, Source(documents=documents))
        if meanwhile.revoke:
            with self.installation.runtime.database.write(tenant) as session:
                revoke_key(session, tenant, self.key.key_id, now=self.installation.clock())

    def _fill(self, tenant: str, name: str, source: Source) -> None:
        acls = {" ".join(one.allow): one.allow for one in source.documents.values()}
        shelf = {
            document: Shelved(self._text(one.text), " ".join(one.allow))
            for document, one in source.documents.items()
        }
        specs = [acl(each, *map(allow, principals)) for each, principals in acls.items()]
        report = ingest(
            self.installation.runtime.ingest_context(),
            ListedSource(name, specs, shelf),
            tenant=tenant,
            config=SourceConfig(
                "memory",
                {},
                max_age_seconds=source.max_age_seconds,
                acl_max_age_seconds=source.acl_max_age_seconds,
            ),
            confirm_deletions=True,
        )
        assert not report.failures

    def _text(self, text: str) -> str:
        """A text with real addresses and real ids in it, as an attacker would have found them."""
        for hole, tenant, source, document in _CHUNK.findall(text):
            ident = self._chunk(tenant, source, document)
            self.ids[ident] = hole
            text = text.replace(f"{{{hole}}}", ident)
        return text.replace(_ATTACKER, self.attacker.address)

    def _chunk(self, tenant: str, source: str, document: str) -> str:
        asked = (
            select(OccurrenceRow.chunk_id)
            .join(DocumentRow, DocumentRow.id == OccurrenceRow.document_id)
            .where(
                DocumentRow.tenant == tenant,
                DocumentRow.source == source,
                DocumentRow.external_id == document,
            )
        )
        database = self.installation.runtime.database
        with database.unguarded("an attacker may know every id") as session:
            return session.scalars(asked).one()

    def furnish(self) -> None:
        """Bring in everything that the trace says is there."""
        for tenant, has in self.trace.tenants.items():
            self.installation.ensure_tenant(tenant)
            for group, members in has.groups.items():
                self.installation.join(group, *members, tenant=tenant)
            for name, source in has.sources.items():
                self._fill(tenant, name, source)


@contextmanager
def staged(trace: Trace, blank: Blank, folder: Path) -> Iterator[Stage]:
    """Serve the world of a trace; stops it."""
    tenant, _, user = trace.asks.partition("/")
    with (
        site() as attacker,
        Installation.open(blank, folder, trust_policy=trace.policy) as installation,
        serving(create_app(installation.runtime)) as url,
    ):
        installation.ensure_tenant(tenant)
        with installation.change(tenant) as session:
            key = create_key(
                session,
                tenant,
                Principal.parse(user),
                actor=None if trace.agent is None else Principal.parse(trace.agent),
                api_scopes=(ApiScope.RETRIEVE, ApiScope.VERIFY),
                now=installation.clock(),
            )
        stage = Stage(installation, trace, url, attacker, key)
        stage.furnish()
        yield stage


def _open(link: str) -> None:
    with urllib.request.urlopen(link, timeout=5) as reply:  # noqa: S310 - the attacker's own site
        reply.read()
