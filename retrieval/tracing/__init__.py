"""Spans of OpenTelemetry: one for each request, tool call, operation and stage.

A facade, so that nothing else touches the library: where no SDK is set up, a span costs a
comparison and the library is not even imported. What a span may carry is the closed list in
:mod:`retrieval.tracing.names`; no name, attribute or status ever holds a question, evidence, a
credential, an address or anything else that was sent.
"""

from retrieval.tracing.spans import Kind, Span, current, span, stage

__all__ = ["Kind", "Span", "current", "span", "stage"]
