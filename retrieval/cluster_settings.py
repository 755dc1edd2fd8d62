"""What an operator can set of PostgreSQL and of a Qdrant server: the part of more than one machine.

The defaults fit both one machine and a few; docs/clusters.md says what follows from each.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from acl.digest import keyed_id
from acl.postgres import Connections
from ingestion.index.hosts import EngineKind, ServerPlace


class DatabaseSettings(BaseSettings):
    """How PostgreSQL is connected to. A catalogue in a file needs none of it."""

    # A URL may hold a password, and what is wrong with it is shown on a screen.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    database_connections: int = Field(
        default=32,
        ge=2,
        le=1_000,
        description="The most connections of one process to PostgreSQL, besides those of locks.",
    )
    database_wait_seconds: float = Field(
        default=5,
        gt=0,
        le=600,
        description="How long to wait for one of them to be free: then `catalog_busy`.",
    )
    database_connect_seconds: int = Field(
        default=5, ge=2, le=600, description="How long connecting to one PostgreSQL host may take."
    )
    database_statement_seconds: float = Field(
        default=60,
        ge=0,
        le=86_400,
        description="PostgreSQL ends a statement that takes longer; 0: never.",
    )
    database_silence_seconds: int = Field(
        default=15,
        ge=4,
        le=3_600,
        description="A connection to PostgreSQL counts as dead after this long without a word.",
    )

    @property
    def connections(self) -> Connections:
        """The same, as the engine takes it."""
        return Connections(
            most=self.database_connections,
            wait_seconds=self.database_wait_seconds,
            connect_seconds=self.database_connect_seconds,
            statement_seconds=self.database_statement_seconds,
            silence_seconds=self.database_silence_seconds,
        )


class QdrantSettings(BaseSettings):
    """Which Qdrant server is used, and how."""

    qdrant_url: str | None = Field(
        default=None, description="A Qdrant server; default: the embedded index."
    )
    qdrant_api_key: str | None = Field(
        default=None, description="API key of the Qdrant server.", repr=False
    )
    qdrant_prefix: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Begins the names of our collections; default: one of this catalogue's own. "
        "Whatever begins so and is unknown to the catalogue is removed.",
    )
    qdrant_timeout_seconds: int = Field(
        default=30, ge=1, le=3_600, description="How long a Qdrant server may take over one call."
    )
    qdrant_replicas: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Nodes of a Qdrant cluster that hold each generation made from now on; a write "
        "counts once most of them have it.",
    )
    index_engine: EngineKind | None = Field(
        default=None,
        description="Where generations are built: embedded or server; default: server if "
        "CLEARANCE_QDRANT_URL names one. Either way both are searched that hold any.",
    )

    @model_validator(mode="after")
    def _name_the_server(self) -> Self:
        if self.index_engine is EngineKind.SERVER and self.qdrant_url is None:
            raise ValueError("index_engine: name the server in CLEARANCE_QDRANT_URL")
        return self

    def qdrant(self, secret: bytes) -> ServerPlace | None:
        """The server, if one is named.

        Args:
            secret: of the catalogue; no two have the same.
        """
        if self.qdrant_url is None:
            return None
        return ServerPlace(
            self.qdrant_url,
            self.qdrant_api_key,
            prefix=self.qdrant_prefix or f"clearance-{keyed_id(secret, 'qdrant prefix')}",
            timeout_seconds=self.qdrant_timeout_seconds,
            replicas=self.qdrant_replicas,
        )
