"""Golden traces as data: a small world, what an agent sets out to do in it, and what comes of it.

A trace is a YAML file under ``traces/``. ``plan`` is the agent's intention; ``calls`` is every call
that it makes, in order, with its arguments and what came back; ``ends`` is what the user is told.
An intention that is not carried out has no call. Ids differ from run to run, so both spell them by
where they were first read: ``$1.e2`` is the second piece of the first reply with evidence,
``$1.receipt`` its receipt, ``$2.after1`` what stands after the piece of the second. What a pattern
under ``learn`` found is ``$name``. Unknown fields are refused: a misspelled expectation would
expect nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from retrieval.status import Action
from verifier.policy import TrustPolicy

FOLDER: Final = Path(__file__).parent / "traces"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Document(_Part):
    """A document, and who may see it.

    In its text, ``{attacker}`` is the address of a site that notes who comes, and
    ``{chunk:tenant/source/document}`` the id of another document's chunk, furnished before.
    """

    text: str
    allow: list[str]


class Source(_Part):
    """A source, and how old what it says may be."""

    max_age_seconds: int | None = None
    acl_max_age_seconds: int | None = None
    documents: dict[str, Document]


class Tenant(_Part):
    """What one tenant has: members by group, and sources by name."""

    groups: dict[str, list[str]]
    sources: dict[str, Source]


class Meanwhile(_Part):
    """What happens in the world while the agent is at work; one of them."""

    leave: tuple[str, str] | None = Field(default=None, description="A group, and who leaves it.")
    seconds: int | None = Field(default=None, description="Time passes.")
    rewrite: dict[str, dict[str, Document]] | None = Field(
        default=None, description="Documents of sources as they are from now on; all of them."
    )
    revoke: bool = False


class Intention(_Part):
    """One step of a plan: a call, or what happens before the next one."""

    tool: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    learn: dict[str, str] = Field(
        default_factory=dict, description="Patterns with one group, to be found in what is read."
    )
    meanwhile: Meanwhile | None = None


class Call(_Part):
    """A call that was made: what was sent, and what came back, told in short."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    gives: dict[str, Any]
    ordered_by: str | None = Field(
        default=None, description="The document that told the agent to; None: its own intention."
    )


class Ending(_Part):
    """What the user is told."""

    action: Action | Literal["refused"]
    says: list[str] = Field(default_factory=list, description="The claims that stood the check.")
    cites: list[str] = Field(default_factory=list, description="Titles, also of the other side.")
    caveats: list[str] = Field(default_factory=list, description="Codes of reasons, sorted.")


class Trace(_Part):
    """One scenario."""

    about: str
    policy: TrustPolicy = TrustPolicy.FLAG
    tenants: dict[str, Tenant]
    asks: str = Field(description="Whose token the agent holds, as tenant/user:ID.")
    agent: str | None = Field(default=None, description="The agent's own principal, if it has one.")
    plan: list[Intention]
    calls: list[Call]
    ends: Ending
    never: list[str] = Field(
        default_factory=list, description="Words that must not reach the agent at all."
    )


def load(name: str) -> Trace:
    """The trace in the file ``name``.yaml."""
    return Trace.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))


def names() -> list[str]:
    """Every trace there is."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
