"""The list of mutants: each guard of the promises, and how it would be broken.

Run it with ``make mutants``; :mod:`tests.mutants` is the runner.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.mutants import Mutant, main
from tests.security.mutants_access import ACCESS, TENANTS
from tests.security.mutants_console import CONSOLE
from tests.security.mutants_identity import IDENTITY
from tests.security.mutants_memory import MEMORY
from tests.security.mutants_trust import TRUST

RESOLVE = "acl/resolve.py"
RESOLVER = "acl/resolver.py"
ORM = "acl/orm.py"
EDGE = "ingestion/index/edge.py"
SCORING = "ingestion/index/scoring.py"
CATALOG = "ingestion/catalog.py"
STANDING = "retrieval/standing.py"
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
        "            visible(scope, DocumentRow.tenant, DocumentRow.acl_id, DocumentRow.source),\n",
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
        "the recheck of what a draft cites",
        "a verdict tells what stands in a text that may not be seen",
        "retrieval/verify_evidence.py",
        "            if not recheck(scope, chunk):\n                continue\n",
        "",
        RECHECK,
    ),
    Mutant(
        "the last look at a check of claims",
        "what was revoked while it was recorded is judged all the same",
        "retrieval/verify.py",
        "        settled = rights_hold(runtime, caller, before.scope)\n",
        "        settled = before is not None\n",
        ("tests/security/test_last_look.py",),
    ),
    Mutant(
        "the confirmation before the answer leaves",
        "what was revoked during a slow search is served all the same",
        PIPELINE,
        "        standing = still(runtime, caller, before)\n",
        "        standing = Standing.HOLDS\n",
        RACES,
    ),
    Mutant(
        "the confirmation looks at the view alone",
        "a busy administrator of hidden ACLs shows in everybody's answers",
        STANDING,
        "    return _rights(now) == _rights(before)",
        "    return now == before",
        RACES,
    ),
    Mutant(
        "the confirmation of the content",
        "what was deleted after it was read is served all the same",
        STANDING,
        "    same_content = now.view.digest == before.resolved.view.digest\n",
        "    same_content = True\n",
        RACES,
    ),
    Mutant(
        "the confirmation of the generation",
        "a rebuild makes an answer say that there is nothing",
        STANDING,
        "    if not same_generation or not _same_rights",
        "    if not _same_rights",
        RACES,
    ),
    Mutant(
        "nothing visible, nothing asked",
        "the index's state and speed show to somebody who sees nothing",
        PIPELINE,
        "if generation is None or scope.empty or view.occurrences == 0:",
        "if generation is None:",
        (*DENY, "-k", "index_is_not_asked"),
    ),
    Mutant(
        "chunks in flight are left out",
        "a half-written chunk moves scores and takes places",
        PIPELINE,
        "exclude=before.excluded,",
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
        "    if generation is None or scope.empty or not well_formed(chunk_id):\n"
        "        raise NotFoundError(_ABSENT)",
        "    if generation is None or scope.empty or not well_formed(chunk_id):\n"
        '        raise NotFoundError("you see nothing")',
        ("tests/security/test_sameness.py",),
    ),
)

MUTANTS: Final = (
    *ACCESS,
    *TENANTS,
    *IDENTITY,
    *INDEX,
    *CATALOGUE,
    *ANSWER,
    *MEMORY,
    *TRUST,
    *CONSOLE,
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
