"""The list of mutants: each guard of the promises, and how it would be broken.

Run it with ``make mutants``; :mod:`tests.mutants` is the runner.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.mutants import Mutant, main

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
KEYS = ("tests/unit/acl/test_keys.py",)
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
    Mutant(
        "an expired key",
        "a key that has expired lets in",
        "acl/keys.py",
        "if row.expires_at is not None and now >= row.expires_at:",
        "if row.expires_at is None and now is None:",
        KEYS,
    ),
    Mutant(
        "a revoked key",
        "a key that was revoked lets in",
        "acl/keys.py",
        "if row is None or not matches or row.revoked_at is not None:",
        "if row is None or not matches:",
        KEYS,
    ),
    Mutant(
        "a key's secret",
        "the public part of a key is enough",
        "acl/keys.py",
        "if row is None or not matches or row.revoked_at is not None:",
        "if row is None or row.revoked_at is not None:",
        KEYS,
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

INDEX: Final = (
    Mutant(
        "the ACL filter of the dense leg",
        "hidden chunks take the places of visible ones",
        EDGE,
        "            filter=_filter(search.condition, search.exclude),\n            params=params,",
        "            params=params,",
        ENGINE_WORLDS,
    ),
    Mutant(
        "the ACL filter of the lexical leg",
        "hidden chunks take the places of visible ones",
        EDGE,
        "_lexical(search, vector, _filter(search.condition, search.exclude), limit)",
        "_lexical(search, vector, qe.Filter(), limit)",
        ENGINE_WORLDS,
    ),
    Mutant(
        "the IDF corpus",
        "every lexical score tells how common a word is among hidden texts",
        EDGE,
        "            idf=qe.IdfParams(corpus=_filter(search.corpus, search.exclude)),\n",
        "",
        ENGINE_WORLDS,
    ),
    Mutant(
        "term-wise rescoring",
        "the last bits of a score tell of the posting lists of hidden texts",
        SCORING,
        "ranked(_rescored(engine, search, vector, candidates), search.limit)",
        "ranked(engine.sparse(search, vector, search.limit + _HEADROOM), search.limit)",
        ENGINE_WORLDS,
    ),
    Mutant(
        "the tie-break of a leg",
        "equal scores come in the order of internal positions, which hidden chunks move",
        SCORING,
        "sorted(hits, key=lambda hit: (-hit.score, hit.id))",
        "sorted(hits, key=lambda hit: -hit.score)",
        TIES,
    ),
    Mutant(
        "over-fetching past a tie",
        "which of many equal chunks are found depends on internal positions",
        SCORING,
        "if len(hits) < wanted or hits[-1].score < floor:",
        "if len(hits) <= wanted:",
        TIES,
    ),
    Mutant(
        "the empty scope at the gate",
        "an engine is asked for somebody who sees nothing",
        "ingestion/index/gate.py",
        "if scope.empty or (request.dense is None and request.sparse is None):",
        "if request.dense is None and request.sparse is None:",
        ("tests/contract/index/test_behaviour.py", "-k", "edge and empty_scope"),
    ),
)

CATALOGUE: Final = (
    Mutant(
        "the predicate of the catalogue",
        "an index that lies is believed",
        CATALOG,
        "            DocumentRow.deleted_at.is_(None),\n"
        "            predicate(ChunkRow.tenant, ChunkRow.acl_id),\n",
        "            DocumentRow.deleted_at.is_(None),\n",
        RECHECK,
    ),
    Mutant(
        "the predicate of the source list",
        "counts tell how many hidden documents a source holds",
        CATALOG,
        "            visible(scope, DocumentRow.tenant, DocumentRow.acl_id),\n",
        "",
        WORLDS,
    ),
    Mutant(
        "the tombstone",
        "a deleted text is served while something of it is left",
        CATALOG,
        "            DocumentRow.deleted_at.is_(None),\n"
        "            predicate(ChunkRow.tenant, ChunkRow.acl_id),\n",
        "            predicate(ChunkRow.tenant, ChunkRow.acl_id),\n",
        RECHECK,
    ),
    Mutant(
        "live chunks only",
        "a half-written or half-removed chunk is served",
        CATALOG,
        "            ChunkRow.state == ChunkState.LIVE.value,\n",
        "",
        RECHECK,
    ),
    Mutant(
        "chunk and document agree on their ACL",
        "a chunk is served under rights its document has lost",
        CATALOG,
        "            & (DocumentRow.acl_id == ChunkRow.acl_id)\n",
        "",
        RECHECK,
    ),
    Mutant(
        "one chunk per ACL",
        "equal texts under two ACLs become one chunk, visible to both or to neither",
        "ingestion/plan.py",
        'return keyed_id(secret, "chunk", tenant, acl_id, ',
        'return keyed_id(secret, "chunk", tenant, ',
        WORLDS,
    ),
    Mutant(
        "empty ACLs leave no trace in the view",
        "the digest tells of ACLs that guard nothing the caller could see",
        "acl/view.py",
        "AclRow.id.in_(ids), AclRow.live_chunks > 0",
        "AclRow.id.in_(ids)",
        CACHE,
    ),
)

ANSWER: Final = (
    Mutant(
        "the recheck",
        "a predicate compiled wrongly is enough to leak",
        PIPELINE,
        "kept = [chunk for chunk in fetched if recheck(scope, chunk)]",
        "kept = fetched",
        RECHECK,
    ),
    Mutant(
        "the recheck of evidence by id",
        "the same, for whoever knows or guesses an id",
        LOOKUP,
        "if chunk is None or not recheck(scope, chunk):",
        "if chunk is None:",
        RECHECK,
    ),
    Mutant(
        "the confirmation before the answer leaves",
        "what was revoked during a slow search is served all the same",
        PIPELINE,
        "        standing = _still(runtime, caller, snapshot)\n",
        "        standing = Standing.HOLDS\n",
        RACES,
    ),
    Mutant(
        "the confirmation looks at the view alone",
        "a busy administrator of hidden ACLs shows in everybody's answers",
        PIPELINE,
        "    if not same_generation or now.scope.acl_ids != before.scope.acl_ids:\n",
        "    if not same_generation or now.scope != before.scope:\n",
        RACES,
    ),
    Mutant(
        "the confirmation of the content",
        "what was deleted after it was read is served all the same",
        PIPELINE,
        "    same_content = now.view.digest == before.view.digest\n",
        "    same_content = True\n",
        RACES,
    ),
    Mutant(
        "the confirmation of the generation",
        "a rebuild makes an answer say that there is nothing",
        PIPELINE,
        "    if not same_generation or now.scope.acl_ids",
        "    if now.scope.acl_ids",
        RACES,
    ),
    Mutant(
        "nothing visible, nothing asked",
        "the index's state and speed show to somebody who sees nothing",
        PIPELINE,
        "if generation is None or scope.empty or snapshot.resolved.view.live_chunks == 0:",
        "if generation is None:",
        (*DENY, "-k", "index_is_not_asked"),
    ),
    Mutant(
        "chunks in flight are left out",
        "a half-written chunk moves scores and takes places",
        PIPELINE,
        "exclude=snapshot.excluded,",
        "",
        RECHECK,
    ),
    Mutant(
        "the tie-break of the fusion",
        "equal candidates come in an order that differs from run to run",
        "retrieval/ranking.py",
        "key=lambda candidate: (-candidate.fused, candidate.id)",
        "key=lambda candidate: -candidate.fused",
        ("tests/unit/retrieval/test_ranking.py",),
    ),
    Mutant(
        "absent and forbidden are one reply",
        "whoever holds an id learns that it exists",
        LOOKUP,
        "if generation is None or scope.empty:\n            raise NotFoundError(_ABSENT)",
        'if generation is None or scope.empty:\n            raise NotFoundError("you see nothing")',
        ("tests/security/test_sameness.py",),
    ),
)

MUTANTS: Final = (*ACCESS, *TENANTS, *INDEX, *CATALOGUE, *ANSWER)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
