"""What is mutated, and which tests are to notice: the quick ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ACL = "tests/unit/acl"
_SAFE = "tests/security"
_REFERENCE = f"{_SAFE}/test_reference.py::test_random_directories_are_decided_as_by_the_reference"
_DENY = f"{_SAFE}/test_default_deny.py"
_GATE = "tests/unit/ingestion/index/test_gate.py"
_WORLDS = f"{_SAFE}/test_two_worlds.py::test_seeded_worlds_hide_much_and_show_much"
_DELEGATION = f"{_SAFE}/test_delegation.py"


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
    Target(
        "acl.resolve", (f"{_ACL}/test_resolve.py", f"{_ACL}/test_reach.py", _REFERENCE, _DELEGATION)
    ),
    Target(
        "acl.reach",
        (f"{_ACL}/test_reach.py", _REFERENCE, f"{_ACL}/test_resolver.py", _DELEGATION),
    ),
    Target("acl.scope", (f"{_ACL}/test_scope.py", _REFERENCE, f"{_ACL}/test_resolver.py")),
    Target("acl.caller", (f"{_ACL}/test_scope.py", _DELEGATION)),
    Target(
        "acl.view", (f"{_ACL}/test_scope.py", _REFERENCE, f"{_ACL}/test_resolver.py", _DELEGATION)
    ),
    Target("acl.conditions", (f"{_ACL}/test_scope.py", _GATE, _DELEGATION)),
    Target("acl.resolver", (f"{_ACL}/test_resolver.py", _DENY)),
    Target(
        "acl.content", (f"{_SAFE}/test_concurrent_writers.py", f"{_ACL}/test_resolver.py", _WORLDS)
    ),
    Target("acl.admin.freshness", (f"{_SAFE}/test_acl_freshness.py", _DELEGATION)),
    Target("acl.principal", (f"{_ACL}/test_principal.py",)),
    Target("acl.digest", (f"{_ACL}/test_digest.py",)),
    Target("acl.seal", (f"{_ACL}/test_seal.py",)),
    Target("acl.audit.chain", (f"{_ACL}/test_audit_chain.py",)),
    Target("acl.identity.narrowing", (f"{_ACL}/test_claims.py", f"{_ACL}/test_key_lifecycle.py")),
    Target("acl.identity.authenticate", (f"{_ACL}/test_authenticate.py",)),
    Target("acl.identity.claims", (f"{_ACL}/test_claims.py", f"{_ACL}/test_tokens.py")),
    Target(
        "acl.identity.tokens",
        (f"{_ACL}/test_tokens.py", f"{_ACL}/test_claims.py", f"{_ACL}/test_jwks.py"),
    ),
    Target("acl.signing", (f"{_ACL}/test_signing.py",)),
    Target("ingestion.index.gate", (_GATE, _DELEGATION)),
)
