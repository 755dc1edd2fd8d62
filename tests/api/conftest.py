"""A service over a small installation: two tenants, three clearances, one hidden folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from acl.admin.directory import add_member
from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion import jobs
from ingestion.sources.folder import FolderSource
from retrieval.api.app import create_app
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

DOCUMENTS = {
    "acme": {
        "travel.md": "# Travel policy\n\nThe per diem for trips abroad is 55 euros a day.\n",
        "board/.acl.yaml": "inherit: false\nallow: [group:board]\n",
        "board/merger.md": "# Merger\n\nThe merger with Initech closes in the third quarter.\n",
    },
    "globex": {"travel.md": "# Travel\n\nThe per diem for trips abroad is 99 dollars a day.\n"},
}
MEMBERS = {
    "acme": [("group:staff", "user:ann"), ("group:staff", "user:bob"), ("group:board", "user:bob")],
    "globex": [("group:staff", "user:eve")],
}


@dataclass(frozen=True, slots=True)
class Service:
    """The running application, a client, and a good token for each person."""

    runtime: Runtime
    client: TestClient
    tokens: dict[str, str]

    def token(self, name: str, *scopes: ApiScope, tenant: str = "acme") -> str:
        """A new token of ``user:name`` with exactly ``scopes``."""
        with self.runtime.database.write(tenant) as session:
            return create_key(
                session,
                tenant,
                Principal.parse(f"user:{name}"),
                api_scopes=scopes,
                now=self.runtime.clock(),
            ).token

    def headers(self, name: str) -> dict[str, str]:
        """The headers with which ``name`` calls."""
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def ask(self, name: str, query: str, **fields: object) -> Response:
        """``POST /v1/retrieve`` as ``name``."""
        return self.client.post(
            "/v1/retrieve", json={"query": query, **fields}, headers=self.headers(name)
        )


def write_documents(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    home = tmp_path_factory.mktemp("service")
    settings = Settings(data_dir=home / "data", embedder="hash:64", public_url="http://testserver")
    with Runtime.open(settings) as opened:
        for tenant, files in DOCUMENTS.items():
            write_documents(home / tenant, files)
            report = jobs.ingest(
                opened.ingest_context(),
                FolderSource(home / tenant, name="handbook", allow=["group:staff"]),
                tenant=tenant,
                config=jobs.SourceConfig(kind="folder", config={}),
            )
            assert not report.failures
            with opened.database.write(tenant) as session:
                for group, member in MEMBERS[tenant]:
                    add_member(
                        session,
                        tenant,
                        Principal.parse(group),
                        Principal.parse(member),
                        now=opened.clock(),
                    )
        yield opened


@pytest.fixture(scope="session")
def service(runtime: Runtime) -> Iterator[Service]:
    with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
        made = Service(runtime, client, {})
        for name, tenant in (("ann", "acme"), ("bob", "acme"), ("eve", "globex")):
            made.tokens[name] = made.token(name, ApiScope.RETRIEVE, tenant=tenant)
        made.tokens["operator"] = made.token("operator", ApiScope.OPS)
        yield made
