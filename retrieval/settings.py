"""Settings of the service, read from ``CLEARANCE_*`` environment variables."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from retrieval.cluster_settings import DatabaseSettings, QdrantSettings
from retrieval.issuers import IssuerSettings, check_together, read_issuers
from retrieval.limits.settings import LimitSettings
from retrieval.queue.kind import QueueKind
from retrieval.support_model import SupportChoice
from verifier.policy import TrustPolicy

CATALOGUE: Final = "catalogue.sqlite"
AUDIT: Final = "audit.sqlite"
SIGNING: Final = "signing"


def default_data_dir() -> Path:
    """``$XDG_DATA_HOME/clearance``, or ``~/.local/share/clearance``."""
    import os  # noqa: PLC0415 - only this default reads the environment by hand

    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "clearance"


class Settings(LimitSettings, DatabaseSettings, QdrantSettings):
    """Everything an operator can set. Every field has a safe default."""

    model_config = SettingsConfigDict(env_prefix="CLEARANCE_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the catalogue and the embedded index live. Mode 0700.",
    )
    database_url: str | None = Field(
        default=None, description="Catalogue URL; default: SQLite in the data directory."
    )
    signing_dir: Path | None = Field(
        default=None,
        description="Where signing keys live; default: signing in the data directory. Mode 0700.",
    )
    audit_database_url: str | None = Field(
        default=None,
        description=(
            "Where queries, evidence served and denials are audited; default: audit.sqlite in the "
            "data directory if the catalogue is SQLite, else the catalogue."
        ),
    )
    embedder: str = Field(
        default="onnx:all-MiniLM-L6-v2",
        description=(
            "onnx:all-MiniLM-L6-v2, openvino:all-MiniLM-L6-v2 (documents in bfloat16; extra bulk), "
            "sentence-transformers:NAME or hash:N (tests)."
        ),
    )
    support_model: SupportChoice | None = Field(
        default=None,
        description=(
            "Who judges support besides the rules: minilm, or rules for nobody; default: minilm, "
            "and rules where the embedder is hash:N."
        ),
    )
    model_dir: Path | None = Field(default=None, description="Where exported models are cached.")
    threads: int | None = Field(
        default=None, ge=1, description="Threads of the embedder and of the support model."
    )
    exact_limit: int = Field(
        default=20_000,
        ge=0,
        description="Search exactly while at most this many chunks are visible to the caller.",
    )
    candidates: int = Field(default=64, ge=1, le=1_000, description="Candidates per search leg.")
    max_visible_acls: int = Field(
        default=10_000,
        ge=1,
        description="A caller who sees more ACLs is refused with an error, never cut off.",
    )
    trust_policy: TrustPolicy = Field(
        default=TrustPolicy.FLAG,
        description="What happens to injected instructions: flag, redact (the span), withhold.",
    )
    min_relevance: float = Field(
        default=0.5, ge=0, le=1, description="Evidence less likely relevant than this is left out."
    )
    deadline_seconds: float = Field(
        default=10,
        gt=0,
        le=600,
        description="A request over HTTP or MCP that takes longer is answered with "
        "deadline_exceeded.",
    )
    earlier_search_seconds: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="While the index is away, what it found for the same view and question at most "
        "this long ago is served, and said to be; 0: never.",
    )
    quality_keep_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="`clearance quality prune` removes records of answers, checks and opinions "
        "that are older than this; default: they are kept for good.",
    )
    index_idle_seconds: float = Field(
        default=300, gt=0, description="The index process ends after this long without clients."
    )
    parse_seconds: float = Field(
        default=60,
        ge=1,
        le=3_600,
        description="A document that takes longer to parse is reported as timeout.",
    )
    parse_workers: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Documents parsed at once, each in a process of its own.",
    )
    queue: QueueKind = Field(
        default=QueueKind.BESIDE,
        description="Who carries out runs asked for over REST: beside (a process beside each "
        "service) or postgres (`clearance worker`, told by PostgreSQL; extra queue).",
    )
    host: str = Field(default="127.0.0.1", description="Address that serve binds to.")
    port: int = Field(default=8321, ge=0, le=65535, description="Port that serve binds to.")
    public_url: str | None = Field(
        default=None, description="URL under which agents reach the service (MCP audience)."
    )
    issuers: Annotated[tuple[IssuerSettings, ...], NoDecode] = Field(
        default=(),
        description="Trusted issuers of JWTs, as a JSON list: see docs/tokens.md. None: API keys "
        "alone.",
    )
    token: str | None = Field(
        default=None, description="Bearer token of `clearance mcp` over stdio.", repr=False
    )

    @field_validator("issuers", mode="before")
    @classmethod
    def _read_issuers(cls, value: object) -> Any:
        return read_issuers(value)

    @field_validator("issuers")
    @classmethod
    def _tell_issuers_apart(cls, value: tuple[IssuerSettings, ...]) -> tuple[IssuerSettings, ...]:
        check_together(value)
        return value

    @model_validator(mode="after")
    def _queue_has_its_server(self) -> Self:
        if self.queue is QueueKind.POSTGRES:
            if not self.catalogue_url.startswith("postgresql"):
                raise ValueError("queue: postgres needs a PostgreSQL in CLEARANCE_DATABASE_URL")
            if find_spec("procrastinate") is None:
                raise ValueError("queue: install 'clearance-retrieval[queue]', or set it to beside")
        return self

    @property
    def catalogue_url(self) -> str:
        """The SQLAlchemy URL of the catalogue."""
        return self.database_url or f"sqlite:///{self.data_dir / CATALOGUE}"

    @property
    def signing_path(self) -> Path:
        """The directory of the signing keys; replicas must share one."""
        return self.signing_dir or self.data_dir / SIGNING

    @property
    def audit_url(self) -> str:
        """The SQLAlchemy URL of the audit's access stream.

        A file of its own beside a SQLite catalogue, so that no query waits for an ingest job.
        """
        if self.audit_database_url is not None:
            return self.audit_database_url
        if self.catalogue_url.startswith("sqlite"):
            return f"sqlite:///{self.data_dir / AUDIT}"
        return self.catalogue_url
