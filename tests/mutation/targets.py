"""What is mutated, and which tests are to notice: the quick ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ACL = "tests/unit/acl"
_SAFE = "tests/security"
_REFERENCE = f"{_SAFE}/test_reference.py::test_random_directories_are_decided_as_by_the_reference"
_GATE = "tests/unit/ingestion/index/test_gate.py"
_WORLDS = f"{_SAFE}/test_two_worlds.py::test_seeded_worlds_hide_much_and_show_much"
_DENY = f"{_SAFE}/test_default_deny.py"
_DELEGATION = f"{_SAFE}/test_delegation.py"
_REACH = f"{_ACL}/test_reach.py"
_RESOLVER = f"{_ACL}/test_resolver.py"
_SCOPE = f"{_ACL}/test_scope.py"


@dataclass(frozen=True, slots=True)
class Target:
    """One module of the security core, as imported, and what pytest is told to run."""

    module: str
    tests: tuple[str, ...]

    @property
    def file(self) -> str:
        """From the root."""
        return f"{self.module.replace('.', '/')}.py"


TARGETS: Final = (
    Target("acl.caller", (_SCOPE, f"{_ACL}/test_seal.py")),
    Target("acl.scope", (_SCOPE, _REACH)),
    Target("acl.reach", (_REACH, _REFERENCE, _RESOLVER, _DELEGATION)),
    Target("acl.resolve", (f"{_ACL}/test_resolve.py", _REACH, _REFERENCE, _DELEGATION)),
    Target("acl.view", (f"{_ACL}/test_view.py", _SCOPE, _RESOLVER)),
    Target("acl.conditions", (_SCOPE,)),
    Target("acl.resolver", (_RESOLVER, _DENY)),
    Target("ingestion.index.gate", (_GATE, _DELEGATION)),
    Target(
        "acl.content",
        (f"{_ACL}/test_content.py", _RESOLVER, f"{_SAFE}/test_concurrent_writers.py", _WORLDS),
    ),
    Target("acl.digest", (f"{_ACL}/test_digest.py",)),
    Target("acl.seal", (f"{_ACL}/test_seal.py",)),
    Target("acl.audit.chain", (f"{_ACL}/test_audit_chain.py",)),
    Target("acl.principal", (f"{_ACL}/test_principal.py",)),
    Target(
        "acl.admin.freshness",
        (f"{_ACL}/test_acl_age.py", f"{_SAFE}/test_acl_freshness.py", _DELEGATION),
    ),
)
