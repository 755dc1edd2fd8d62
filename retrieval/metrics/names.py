"""The names of all metrics, for whoever makes or reads them; what they say is in ``families``."""

from __future__ import annotations

from typing import Final

REQUESTS: Final = "clearance_requests"
REQUEST_SECONDS: Final = "clearance_request_seconds"
PROBLEMS: Final = "clearance_problems"
TOOL_CALLS: Final = "clearance_tool_calls"
TOOL_SECONDS: Final = "clearance_tool_seconds"
TOKENS_REFUSED: Final = "clearance_tokens_refused"

ANSWERS: Final = "clearance_answers"
ACTIONS: Final = "clearance_answer_actions"
REASONS: Final = "clearance_answer_reasons"
RETRIEVE_SECONDS: Final = "clearance_retrieve_seconds"
STAGE_SECONDS: Final = "clearance_stage_seconds"
EVIDENCE: Final = "clearance_evidence"
EVIDENCE_TOKENS: Final = "clearance_evidence_tokens"
FINDINGS: Final = "clearance_findings"
DUPLICATES: Final = "clearance_duplicates_collapsed"
RECHECK_DROPS: Final = "clearance_recheck_drops"
WITHDRAWN: Final = "clearance_withdrawn"

CHECKS: Final = "clearance_checks"
CHECK_SECONDS: Final = "clearance_check_seconds"
CLAIMS: Final = "clearance_claims"
CLAIM_REASONS: Final = "clearance_claim_reasons"
CITATIONS: Final = "clearance_citations"

BREAKER_STATE: Final = "clearance_breaker_state"
BREAKER_CHANGES: Final = "clearance_breaker_changes"
FALLBACKS: Final = "clearance_fallbacks"
CACHE_LOOKUPS: Final = "clearance_cache_lookups"

BUDGET_REFUSALS: Final = "clearance_budget_refusals"
QUEUE_SECONDS: Final = "clearance_queue_seconds"
QUEUE_WAITING: Final = "clearance_queue_waiting"
QUEUE_WORKING: Final = "clearance_queue_working"
QUEUE_SLOTS: Final = "clearance_queue_slots"

BUILD_INFO: Final = "clearance_build_info"
CATALOGUE_UP: Final = "clearance_catalogue_up"
READY: Final = "clearance_ready"
RUNS: Final = "clearance_runs"
RECORDS_QUEUED: Final = "clearance_records_queued"
RECORDS_DROPPED: Final = "clearance_records_dropped"
INDEX_PROCESS: Final = "clearance_index"
"""What the names of the index process's own metrics begin with."""
