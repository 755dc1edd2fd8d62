"""Mutants of who may see what: resolution, keys, caches and the tenant guard."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

REACH = "acl/reach.py"
RESOLVE = "acl/resolve.py"
RESOLVER = "acl/resolver.py"
ORM = "acl/orm.py"
EDGE = "ingestion/index/edge.py"
SCORING = "ingestion/index/scoring.py"
CATALOG = "ingestion/catalog.py"
PIPELINE = "retrieval/pipeline.py"
LOOKUP = "retrieval/lookup.py"

DENY = ("tests/security/test_default_deny.py",)
DELEGATION = ("tests/security/test_delegation.py",)
GUARD = ("tests/security/test_tenant_guard.py",)
RECHECK = ("tests/security/test_recheck.py",)
RACES = ("tests/security/test_races.py",)
WORLDS = ("tests/security/test_two_worlds.py", "-k", "seeded")
ENGINE_WORLDS = ("tests/security/test_two_worlds.py", "-k", "thousands")
SCOPE = ("tests/unit/acl/test_scope.py",)
CACHE = ("tests/unit/acl/test_resolver.py",)
FLAGS = ("tests/security/test_flags.py", "-k", "memory or while or fills")
TIES = ("tests/contract/index/test_behaviour.py", "-k", "edge and ties")


ACCESS: Final = (
    Mutant(
        "deny precedence",
        "someone who is denied reads on through any allow",
        REACH,
        '.having(_count(spread, "deny") == 0, _count(spread, "allow") > 0)',
        '.having(_count(spread, "allow") > 0)',
        DENY,
    ),
    Mutant(
        "expiry of an allow",
        "access that was lent is kept for good",
        REACH,
        "            unexpired,\n            or_(",
        '            or_(unexpired, AclEntryRow.effect == "allow"),\n            or_(',
        DENY,
    ),
    Mutant(
        "expiry of a deny",
        "a refusal that is over still refuses",
        REACH,
        "            unexpired,\n            or_(",
        '            or_(unexpired, AclEntryRow.effect == "deny"),\n            or_(',
        DENY,
    ),
    Mutant(
        "expiry is exclusive",
        "access lasts one instant too long",
        REACH,
        "AclEntryRow.expires_at > _NOW)",
        "AclEntryRow.expires_at >= _NOW)",
        DENY,
    ),
    Mutant(
        "inherit: false",
        "a folder that was closed off is open to whoever reads its parent",
        REACH,
        "        .where(child.inherit)\n",
        "",
        DENY,
    ),
    Mutant(
        "the actor's intersection",
        "an agent reads what its user may not, or a user what the agent may not",
        RESOLVE,
        "frozenset.intersection(*(one",
        "frozenset().union(*(one",
        DENY,
    ),
    Mutant(
        "a disabled user",
        "whoever has left reads on",
        REACH,
        "PrincipalRow.principal == _ASKING, PrincipalRow.enabled\n",
        "PrincipalRow.principal == _ASKING\n",
        DENY,
    ),
    Mutant(
        "a disabled group",
        "a group that was switched off admits on",
        REACH,
        "and_(closure.c.live, group.enabled), Boolean",
        "and_(closure.c.live, true()), Boolean",
        DENY,
    ),
    Mutant(
        "everyone means everyone known",
        "a token for a stranger reads what is open within the tenant",
        REACH,
        "== str(EVERYONE),\n        exists(select(closure.c.principal)),\n",
        "== str(EVERYONE),\n",
        DENY,
    ),
    Mutant(
        "a disabled group still refuses",
        "switching a group off shows its members what it was refused",
        REACH,
        'or_(AclEntryRow.effect == "deny", who.c.live)',
        "who.c.live",
        ("tests/unit/acl/test_reach.py",),
    ),
    Mutant(
        "a claim for somebody switched off",
        "whoever has left reads on by what the token says of their groups",
        REACH,
        "            exists(subject),",
        "            true(),",
        DELEGATION,
    ),
    Mutant(
        "a claim where the directory alone is trusted",
        "a token puts its bearer into any group",
        REACH,
        "bool(asserted) and groups_from is not GroupsFrom.DIRECTORY",
        "bool(asserted)",
        DELEGATION,
    ),
    Mutant(
        "purposes",
        "a token for one purpose reads what is kept for another",
        REACH,
        "        seeds.append(_other_purposes())\n",
        "        pass\n",
        DELEGATION,
    ),
    Mutant(
        "ACLs too old to trust",
        "a synchronisation that died keeps open what was closed since",
        RESOLVE,
        "visible = admitted - closed.keys()",
        "visible = admitted",
        DELEGATION,
    ),
    Mutant(
        "the narrowing to ACLs",
        "a token that was cut down to one folder reads the others",
        RESOLVE,
        "admitted &= reach.below(",
        "admitted |= reach.below(",
        DELEGATION,
    ),
    Mutant(
        "the narrowing to sources, in the index",
        "a token that was cut down to one source finds the others",
        "acl/conditions.py",
        "    if scope.sources is not None:\n",
        "    if scope.sources is None and own:\n",
        ("tests/security/test_narrowed_worlds.py",),
    ),
    Mutant(
        "the place that satisfies a filter is in a source of the token",
        "a filter finds by the type of a document in a source that was left out",
        "acl/conditions.py",
        "    return (AnyOf(SOURCE, admitted), *(one for one in own if not _of_source(one)))",
        "    return tuple(own)",
        SCOPE,
    ),
    Mutant(
        "a filter holds of one place as a whole",
        "text of an old report and a new memo is found as an old memo",
        EDGE,
        "if len(place) > 1:",
        "if len(place) > 9:",
        ("tests/contract/index/test_behaviour.py", "-k", "edge and as_a_whole"),
    ),
    Mutant(
        "what satisfies a filter is cited",
        "the other documents that say the same are named beside the one that was asked for",
        "retrieval/filtering.py",
        "            kept[ident] = replace(chunk, places=places)",
        "            kept[ident] = chunk",
        ("tests/security/test_filters.py",),
    ),
    Mutant(
        "an index too old for a filter says so",
        "evidence is missing without a word after an upgrade",
        "retrieval/filtering.py",
        "row.layout < LAYOUT",
        "row.layout < 0",
        ("tests/security/test_filters.py",),
    ),
    Mutant(
        "the narrowing to sources, in the recheck",
        "a place in another source is shown beside an admitted one",
        "acl/scope.py",
        "admitted = self.sources is None or source in self.sources",
        "admitted = True",
        SCOPE,
    ),
    Mutant(
        "a request does not undo the narrowing",
        "an argument widens what the token left",
        "acl/scope.py",
        "return self.sources & frozenset(sources)",
        "return frozenset(sources)",
        ("tests/unit/acl/test_scope.py", DELEGATION[0]),
    ),
    Mutant(
        "turns of writers",
        "two changes at once leave a view digest that is wrong for good",
        ORM,
        '                connection.execute(_ONE_WRITER, {"tenant": tenant})\n',
        "",
        ("tests/security/test_concurrent_writers.py", "-m", "postgres"),  # SQLite has one writer
    ),
    Mutant(
        "a lock that was lost",
        "two writers undo each other's work, each sure to be alone",
        ORM,
        "            if writable and self.shared:\n"
        "                advisory.require_held(session.connection(), fenced=True)\n",
        "",
        ("tests/unit/acl/test_postgres.py", "-k", "lost_a_lock"),
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
        "            and known.scope.acl_version == versions.acl\n",
        "",
        CACHE,
    ),
    Mutant(
        "the cache's expiry",
        "access that has expired is kept by whoever asks often",
        RESOLVER,
        "            and not known.scope.expired(now)\n",
        "",
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
    Mutant(
        "the sources that are switched off",
        "what operators switched off is served all the same",
        RESOLVE,
        "(there if named is None else there & named) - off",
        "there if named is None else there & named",
        FLAGS,
    ),
    Mutant(
        "the sources of a kept scope beside one that is off",
        "a source that is new since then stays invisible",
        RESOLVER,
        "(_as_narrowed(known.scope) or known.content_version == versions.content)",
        "known is not None",
        FLAGS,
    ),
    Mutant(
        "the confirmation looks past sources",
        "what was found while its source was switched off is served",
        "retrieval/standing.py",
        "    return scope.acl_ids, scope.sources, scope.closed",
        "    return scope.acl_ids, scope.closed",
        FLAGS,
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
        "the tenant guard on prepared statements",
        "a statement that is kept for later reads all tenants",
        ORM,
        "    return statement.options(_confined_to(tenant))\n",
        "    return statement if tenant else statement.options(_confined_to(tenant))\n",
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
