"""Names of spans and attributes; nothing that is not here can be recorded.

Where OpenTelemetry has a convention, its name is used: those for generative AI (retrieval,
embeddings, tools), for MCP, for HTTP servers and for databases. Those for generative AI are still
in development and have moved to a repository of their own, so they are written out here rather than
imported from a package that no longer follows them. The conventions' opt-in attributes that would
hold questions, documents, arguments or results are left out on purpose.
"""

from __future__ import annotations

from typing import Final

TRACER: Final = "clearance"

# Spans
RETRIEVAL: Final = "retrieval"
EMBEDDINGS: Final = "embeddings"
EXECUTE_TOOL: Final = "execute_tool"
VERIFY: Final = "verify"
EVIDENCE: Final = "get_evidence"
OTHER: Final = "_OTHER"

# https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
TOP_K: Final = "gen_ai.retrieval.top_k"
MODEL: Final = "gen_ai.request.model"
TOOL: Final = "gen_ai.tool.name"

# the same, docs/gen-ai/mcp.md
MCP_METHOD: Final = "mcp.method.name"
MCP_VERSION: Final = "mcp.protocol.version"

# https://opentelemetry.io/docs/specs/semconv/: http, database, general
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
SCHEME: Final = "url.scheme"
DATABASE: Final = "db.system.name"
DATABASE_OPERATION: Final = "db.operation.name"
ERROR: Final = "error.type"

# Ours
REQUEST_ID: Final = "clearance.request_id"
SURFACE: Final = "clearance.surface"
CODE: Final = "clearance.code"
STATUS: Final = "clearance.status"
ACTION: Final = "clearance.action"
REASONS: Final = "clearance.reasons"
PIECES: Final = "clearance.evidence.count"
TOKENS: Final = "clearance.evidence.tokens"
MODE: Final = "clearance.search.mode"
EXACTNESS: Final = "clearance.search.exactness"
CLAIMS: Final = "clearance.claims.count"
SUPPORTED: Final = "clearance.claims.supported"

ATTRIBUTES: Final[dict[str, str]] = {
    OPERATION: "`retrieval`, `embeddings` or `execute_tool`",
    PROVIDER: "`clearance`, on spans of retrieval",
    TOP_K: "how many pieces were asked for",
    MODEL: "the model that judged a check",
    TOOL: "the tool, if there is such a tool",
    MCP_METHOD: "the method of the protocol; `_OTHER` if it is not one of those",
    MCP_VERSION: "the protocol's version, if it is one of those known",
    HTTP_METHOD: "the method; `_OTHER` if it is not one of HTTP's",
    HTTP_ROUTE: "the route's template, never the path",
    HTTP_STATUS: "the status",
    SCHEME: "`http` or `https`",
    DATABASE: "`qdrant`, on the stage that searches",
    DATABASE_OPERATION: "`search`, on the same",
    ERROR: "the problem's code, or the class of the error; never its words",
    REQUEST_ID: "as in log lines, problems and the `X-Request-ID` header",
    SURFACE: "`http`, `mcp` or `console`",
    CODE: "the problem's code, if there was one",
    STATUS: "of the answer",
    ACTION: "of the answer",
    REASONS: "the codes of the answer's reasons",
    PIECES: "how many pieces were served",
    TOKENS: "how many tokens their texts have",
    MODE: "how was searched",
    EXACTNESS: "`exact` or `approximate`",
    CLAIMS: "how many claims were checked",
    SUPPORTED: "how many of them are supported",
}
"""All that a span may carry, and what it says."""

SPANS: Final[dict[str, str]] = {
    "METHOD ROUTE": "one HTTP request (kind server); its parent is the sender's `traceparent`",
    "MCP-METHOD TOOL": "one MCP message (kind server); its parent is `traceparent` in `_meta`, "
    "else the HTTP request it came in",
    RETRIEVAL: "one answer of retrieve",
    EVIDENCE: "one piece of evidence read again",
    VERIFY: "one check of claims",
    EMBEDDINGS: "a stage of retrieve: the question becomes a vector",
    "resolve, search, fetch, judge, confirm, account": "the other stages of retrieve; those of "
    "verify are called the same, and it neither embeds nor searches",
}
"""The spans there are, in the order in which they nest."""
