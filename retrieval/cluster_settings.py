"""What an operator can set of PostgreSQL and of a Qdrant server: the part of more than one machine.

The defaults fit both one machine and a few; docs/clusters.md says what follows from each.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from acl.postgres import Connections


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
