"""Mutants of who is asking: keys, tokens, key sets, and the one door they all come through."""

from __future__ import annotations

from typing import Final

from tests.mutants import Mutant

KEYS = "acl/identity/keys.py"
KEY_ADMIN = "acl/identity/key_admin.py"
TOKENS = "acl/identity/tokens.py"
CLAIMS = "acl/identity/claims.py"
JWKS = "acl/identity/jwks.py"
AUTHENTICATE = "acl/identity/authenticate.py"
FETCH = "retrieval/fetch_keys.py"
ISSUERS = "retrieval/issuers.py"
REST = "retrieval/api/auth.py"
MCP = "retrieval/mcp/http.py"

KEY_TESTS = ("tests/unit/acl/test_keys.py", "tests/unit/acl/test_key_lifecycle.py")
ATTACKS = ("tests/security/test_tokens.py", "-k", "sqlite")
TRUST = ("tests/security/test_trusted_issuers.py", "-k", "sqlite")
CLAIM_TESTS = ("tests/unit/acl/test_claims.py",)
JWKS_TESTS = ("tests/unit/acl/test_jwks.py",)
FETCH_TESTS = ("tests/unit/retrieval/test_fetch_keys.py",)
ISSUER_TESTS = ("tests/unit/retrieval/test_issuers.py",)
DOOR_TESTS = ("tests/unit/acl/test_authenticate.py",)
SCOPE_TESTS = ("tests/api/test_scopes.py",)

KEY_MUTANTS: Final = (
    Mutant(
        "an expired key",
        "a key that has expired lets in",
        KEYS,
        "if row.expires_at is not None and now >= row.expires_at:",
        "if row.expires_at is None and now is None:",
        KEY_TESTS,
    ),
    Mutant(
        "a revoked key",
        "a key that was revoked lets in",
        KEYS,
        "    if row.revoked_at is not None:\n        return KeyState.REVOKED\n",
        "",
        KEY_TESTS,
    ),
    Mutant(
        "a key's secret",
        "the public part of a key is enough",
        KEYS,
        "if row is None or not matches:",
        "if row is None:",
        KEY_TESTS,
    ),
    Mutant(
        "a misspelt narrowing",
        "a key or token is narrowed by nothing because of a letter",
        "acl/identity/narrowing.py",
        "if unknown := value.keys() - _PARTS:",
        "if unknown := set() - _PARTS:",
        ATTACKS,
    ),
    Mutant(
        "the end of a replaced key",
        "a key that was replaced lives on",
        KEYS,
        "old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)",
        "old.expires_at = old.expires_at",
        KEY_TESTS,
    ),
    Mutant(
        "an overlap that lengthens",
        "replacing a key makes the old one live longer",
        KEYS,
        "ends if old.expires_at is None else min(old.expires_at, ends)",
        "ends",
        KEY_TESTS,
    ),
    Mutant(
        "handing out a scope one lacks",
        "an administrator of ACLs makes themselves an operator",
        KEY_ADMIN,
        "if self.holds is not None and (beyond := scopes - self.holds):",
        "if self.holds is None and (beyond := scopes):",
        KEY_TESTS,
    ),
    Mutant(
        "an agent that makes itself a key",
        "a delegated token is exchanged for one that is not",
        KEY_ADMIN,
        "bound=caller.bound,",
        "bound=False,",
        KEY_TESTS,
    ),
    Mutant(
        "taking over a stronger key",
        "an administrator replaces an operator's key and keeps the new one",
        KEY_ADMIN,
        "    issuing.require(scopes_of(session, tenant, key_id))\n",
        "    scopes_of(session, tenant, key_id)\n",
        KEY_TESTS,
    ),
)

TOKEN_MUTANTS: Final = (
    Mutant(
        "the signature",
        "whoever can write JSON is anybody",
        TOKENS,
        '    "enforce_minimum_key_length": True,\n',
        '    "enforce_minimum_key_length": True,\n    "verify_signature": False,\n',
        ATTACKS,
    ),
    Mutant(
        "the audience",
        "a token for another service of the issuer lets in",
        TOKENS,
        '    "verify_sub": False,\n',
        '    "verify_sub": False,\n    "verify_aud": False,\n',
        ATTACKS,
    ),
    Mutant(
        "headers that bring a key",
        "one day a library heeds them",
        TOKENS,
        "if _REFUSED_HEADERS & header.keys():",
        "if not header:",
        ATTACKS,
    ),
    Mutant(
        "the kind of token",
        "a logout token signs somebody in",
        TOKENS,
        "kind.lower() not in _TYPES",
        "not kind",
        ATTACKS,
    ),
    Mutant(
        "the size of a token",
        "a stranger has megabytes taken apart",
        TOKENS,
        "if len(token) > MAX_TOKEN_CHARS:",
        "if not token:",
        ATTACKS,
    ),
    Mutant(
        "claims named twice",
        "one reader sees one subject and another the other",
        "acl/strict_json.py",
        "if len(made) != len(members):",
        "if not made and members:",
        ATTACKS,
    ),
    Mutant(
        "expiry of a token",
        "a token is good one instant too long",
        CLAIMS,
        "if at >= expires + leeway:",
        "if at > expires + leeway:",
        ATTACKS,
    ),
    Mutant(
        "tokens of the future",
        "a token made in advance is good already",
        CLAIMS,
        "for moment in (issued, starts)):",
        "for moment in (issued, starts) if not at):",
        ATTACKS,
    ),
    Mutant(
        "not before",
        "a token is good before its time",
        CLAIMS,
        "for moment in (issued, starts)):",
        "for moment in (issued,)):",
        ATTACKS,
    ),
    Mutant(
        "the longest lifetime",
        "a stolen token is good for years",
        CLAIMS,
        "or expires - issued > longest):",
        "or expires < issued):",
        ATTACKS,
    ),
    Mutant(
        "bound tokens",
        "a token that is useless without its key is good without it",
        CLAIMS,
        'if "cnf" in claims:',
        "if not claims:",
        ATTACKS,
    ),
    Mutant(
        "the tenants of an issuer",
        "an issuer speaks for a tenant it is not trusted with",
        CLAIMS,
        "if not isinstance(named, str) or named not in issuer.tenants:",
        "if not isinstance(named, str):",
        CLAIM_TESTS,
    ),
    Mutant(
        "agents behind agents",
        "an agent gains by asking through another",
        CLAIMS,
        '    while "act" in holder:\n',
        '    if "act" in holder:\n',
        CLAIM_TESTS,
    ),
    Mutant(
        "actors of other issuers",
        "a name from elsewhere is taken for one of ours",
        CLAIMS,
        'if holder.get("iss", issuer.name) != issuer.name:',
        "if not holder:",
        ATTACKS,
    ),
    Mutant(
        "the depth of a chain",
        "a chain without end is walked",
        CLAIMS,
        " or len(actors) == MAX_ACTORS:",
        ":",
        CLAIM_TESTS,
    ),
    Mutant(
        "groups that are too many to be told",
        "a deny of a group that was left out does not hold",
        CLAIMS,
        "if _OVERAGE & claims.keys() or not isinstance(names, list):",
        "if not isinstance(names, list):",
        CLAIM_TESTS,
    ),
    Mutant(
        "groups of an issuer not trusted with groups",
        "a token puts its holder into any group",
        CLAIMS,
        "if issuer.groups_from is GroupsFrom.DIRECTORY:",
        "if issuer.groups_from is None:",
        CLAIM_TESTS,
    ),
    Mutant(
        "a narrowing that cannot be read",
        "what was meant to be taken away is left",
        CLAIMS,
        "        raise RefusedTokenError(TokenFault.NARROWING) from None\n",
        "        return Narrowing()\n",
        ATTACKS,
    ),
)

ISSUER_MUTANTS: Final = (
    Mutant(
        "keys for other uses",
        "a key for encryption signs",
        JWKS,
        'if entry.get("use", "sig") != "sig" or ',
        "if ",
        JWKS_TESTS,
    ),
    Mutant(
        "private keys in the open",
        "whoever reads the key set signs",
        JWKS,
        " or _PRIVATE & entry.keys():",
        ":",
        JWKS_TESTS,
    ),
    Mutant(
        "short keys",
        "a key that can be factored signs",
        JWKS,
        "return None if key.Algorithm.check_key_length(key.key) else key",
        "return key",
        JWKS_TESTS,
    ),
    Mutant(
        "ids of two keys",
        "which key signs depends on an order that nobody set",
        JWKS,
        "for key_id, key in usable if times[key_id] == 1}",
        "for key_id, key in usable if times[key_id]}",
        JWKS_TESTS,
    ),
    Mutant(
        "old keys",
        "a key that was withdrawn signs for as long as its issuer is kept unreachable",
        JWKS,
        "return known.age(self._clock()) < self._patience.longest",
        "return known.fetched_at is not None",
        JWKS_TESTS,
    ),
    Mutant(
        "the pause between fetches",
        "strangers make us hammer the issuer",
        JWKS,
        "if self._clock() < seen.next_fetch or ",
        "if ",
        JWKS_TESTS,
    ),
    Mutant(
        "redirects of a key set",
        "whoever can redirect signs for the issuer",
        FETCH,
        "follow_redirects=False",
        "follow_redirects=True",
        FETCH_TESTS,
    ),
    Mutant(
        "the size of a key set",
        "an issuer fills the memory",
        FETCH,
        "        document += part\n        if len(document) > MAX_BYTES:",
        "        document += part\n        if not document:",
        FETCH_TESTS,
    ),
    Mutant(
        "keys over plain http",
        "whoever is on the way signs for the issuer",
        FETCH,
        'if not parts.hostname or not (parts.scheme == "https" or plain):',
        "if not parts.hostname:",
        FETCH_TESTS,
    ),
    Mutant(
        "ids of two issuers",
        "a person of one issuer is a person of the other",
        ISSUERS,
        "if shared and prefixes[1].startswith(prefixes[0]):",
        "if shared and prefixes[1] == prefixes[0]:",
        ISSUER_TESTS,
    ),
)

DOOR_MUTANTS: Final = (
    Mutant(
        "the API scope of a route",
        "a token for one thing is good for all",
        REST,
        "        caller.require(self.scope)\n",
        "",
        SCOPE_TESTS,
    ),
    Mutant(
        "two identities over HTTP",
        "a proxy and we disagree who asks",
        REST,
        'len(request.headers.getlist("authorization")) == 1',
        'bool(request.headers.getlist("authorization"))',
        ATTACKS,
    ),
    Mutant(
        "two identities over MCP",
        "a proxy and we disagree who asks",
        MCP,
        'if len(conn.headers.getlist("authorization")) != 1:',
        'if not conn.headers.getlist("authorization"):',
        TRUST,
    ),
    Mutant(
        "the resource of a token over MCP",
        "a token for another surface is good for this one",
        MCP,
        "        if identity.audiences is None:\n",
        "        if identity:\n",
        TRUST,
    ),
    Mutant(
        "offices of agents",
        "an agent that administers ACLs grants itself what its user kept from it",
        AUTHENTICATE,
        "if caller.bound or self._switched_off(caller):",
        "if self._switched_off(caller):",
        DOOR_TESTS,
    ),
    Mutant(
        "offices of whoever is switched off",
        "somebody who has left goes on administering",
        AUTHENTICATE,
        "if caller.bound or self._switched_off(caller):",
        "if caller.bound:",
        DOOR_TESTS,
    ),
    Mutant(
        "a tenant that is not there",
        "a token of a tenant that does not exist administers it",
        AUTHENTICATE,
        "        self._require_tenant(verified.caller)\n",
        "",
        TRUST,
    ),
)

IDENTITY: Final = (*KEY_MUTANTS, *TOKEN_MUTANTS, *ISSUER_MUTANTS, *DOOR_MUTANTS)
