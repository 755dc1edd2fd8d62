"""Mutants of who may see what: resolution, keys, caches and the tenant guard."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

RESOLVE = "acl/resolve.py"
RESOLVER = "acl/resolver.py"
ORM = "acl/orm.py"
EDGE = "ingestion/index/edge.py"
SCORING = "ingestion/index/scoring.py"
CATALOG = "ingestion/catalog.py"
PIPELINE = "retrieval/pipeline.py"
LOOKUP = "retrieval/lookup.py"

DENY = ("tests/security/test_default_deny.py",)
GUARD = ("tests/security/test_tenant_guard.py",)
RECHECK = ("tests/security/test_recheck.py",)
RACES = ("tests/security/test_races.py",)
WORLDS = ("tests/security/test_two_worlds.py", "-k", "seeded")
ENGINE_WORLDS = ("tests/security/test_two_worlds.py", "-k", "thousands")
SCOPE = ("tests/unit/acl/test_scope.py",)
CACHE = ("tests/unit/acl/test_resolver.py",)
TIES = ("tests/contract/index/test_behaviour.py", "-k", "edge and ties")


ACCESS: Final = (
    Mutant(
        "deny precedence",
        "someone who is denied reads on through any allow",
        RESOLVE,
        ".having(denies == 0)",
        '.having(func.sum(case((spread.c.effect == "allow", 1), else_=0)) > 0)',
        DENY,
    ),
    Mutant(
        "expiry of an allow",
        "access that was lent is kept for good",
        RESOLVE,
        ".where(AclEntryRow.tenant == tenant, unexpired)",
        '.where(AclEntryRow.tenant == tenant, or_(unexpired, AclEntryRow.effect == "allow"))',
        DENY,
    ),
    Mutant(
        "expiry of a deny",
        "a refusal that is over still refuses",
        RESOLVE,
        ".where(AclEntryRow.tenant == tenant, unexpired)",
        '.where(AclEntryRow.tenant == tenant, or_(unexpired, AclEntryRow.effect == "deny"))',
        DENY,
    ),
    Mutant(
        "expiry is exclusive",
        "access lasts one instant too long",
        RESOLVE,
        "AclEntryRow.expires_at > now)",
        "AclEntryRow.expires_at >= now)",
        DENY,
    ),
    Mutant(
        "inherit: false",
        "a folder that was closed off is open to whoever reads its parent",
        RESOLVE,
        ".where(child.tenant == tenant, child.inherit)",
        ".where(child.tenant == tenant)",
        DENY,
    ),
    Mutant(
        "the actor's intersection",
        "an agent reads what its user may not, or a user what the agent may not",
        RESOLVE,
        "visible &= actor_visible",
        "visible |= actor_visible",
        DENY,
    ),
    Mutant(
        "a disabled user",
        "whoever has left reads on",
        RESOLVE,
        '            PrincipalRow.enabled,\n        )\n        .cte("reach", recursive=True)',
        '        )\n        .cte("reach", recursive=True)',
        DENY,
    ),
    Mutant(
        "a disabled group",
        "a group that was switched off admits on",
        RESOLVE,
        "                group.enabled,\n",
        "",
        DENY,
    ),
    Mutant(
        "everyone means everyone known",
        "a token for a stranger reads what is open within the tenant",
        RESOLVE,
        "        select(reach).exists(),\n",
        "",
        DENY,
    ),
    Mutant(
        "an unlabelled document",
        "a document whose rights are unknown is indexed",
        "ingestion/acl_stamp.py",
        "    if acl_id is not None:\n        return acl_id\n",
        "    if acl_ids:\n        return acl_id or next(iter(acl_ids.values()))\n",
        DENY,
    ),
    Mutant(
        "the cache's ACL version",
        "a revocation is felt only when the cache forgets",
        RESOLVER,
        "if known is not None and known.scope.acl_version == versions.acl_version:",
        "if known is not None:",
        CACHE,
    ),
    Mutant(
        "the cache's expiry",
        "access that has expired is kept by whoever asks often",
        RESOLVER,
        "scope = None if known.scope.expired(now) else known.scope",
        "scope = known.scope",
        CACHE,
    ),
    Mutant(
        "reserved filter fields",
        "a caller's own filter names an ACL or a tenant",
        "acl/conditions.py",
        "        if field in RESERVED_FIELDS:\n",
        "        if not field:\n",
        SCOPE,
    ),
    Mutant(
        "reserved filter fields, second lock",
        "the same, for conditions that were made elsewhere",
        "acl/conditions.py",
        "if any(condition.field in RESERVED_FIELDS for condition in own):",
        "if not own and any(own):",
        SCOPE,
    ),
    Mutant(
        "permits asks for the tenant",
        "a row of another tenant passes by a familiar id",
        "acl/scope.py",
        "return tenant == self.caller.tenant and acl_id in self.acl_ids",
        "return acl_id in self.acl_ids",
        RECHECK,
    ),
    Mutant(
        "the mint",
        "any module makes itself a scope over anything",
        "acl/scope.py",
        "if self.mint is not MINT:",
        "if self.mint is None:",
        SCOPE,
    ),
)

TENANTS: Final = (
    Mutant(
        "the tenant guard",
        "a statement that forgets the tenant reads all of them",
        ORM,
        "    if not state.is_insert:\n",
        "    if not state.is_insert and tenant is None:\n",
        GUARD,
    ),
    Mutant(
        "the tenant guard on unbound sessions",
        "a session that belongs to nobody reads everybody's rows",
        ORM,
        "    if tenant is None:\n        raise TenantGuardError(",
        "    if tenant is None:\n        return\n        raise TenantGuardError(",
        GUARD,
    ),
    Mutant(
        "the tenant guard on statements it cannot reach",
        "a statement over tables or text walks around the guard",
        ORM,
        "    if not state.is_orm_statement:\n",
        "    if tenant is None:\n",
        GUARD,
    ),
    Mutant(
        "the tenant guard on bulk writes",
        "a job of one tenant writes into another",
        ORM,
        "    if state.is_insert or state.is_update:\n",
        "    if tenant is None:\n",
        GUARD,
    ),
    Mutant(
        "the tenant guard on objects",
        "an object of another tenant is written",
        ORM,
        "if isinstance(row, TenantScoped) and row.tenant != tenant:",
        "if isinstance(row, TenantScoped) and not row.tenant:",
        GUARD,
    ),
    Mutant(
        "a reason for crossing",
        "tenants are crossed without anybody having said why",
        ORM,
        "        if not reason:\n",
        "        if reason is None:\n",
        GUARD,
    ),
)
