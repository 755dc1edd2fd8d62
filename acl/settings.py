"""Settings of the access-control package, read from ``CLEARANCE_*`` environment variables."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AclSettings(BaseSettings):
    """Limits of access resolution."""

    model_config = SettingsConfigDict(env_prefix="CLEARANCE_", extra="ignore", frozen=True)

    max_visible_acls: int = Field(
        default=10_000,
        ge=1,
        description="A caller who sees more ACLs is refused with an error, never cut off.",
    )
