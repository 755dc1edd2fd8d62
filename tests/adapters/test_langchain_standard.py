"""LangChain's own conformance tests of retrievers, over a live service.

They come with plugins for pytest that ours have no use for; those are switched off in
``pyproject.toml``, and what is awaited runs with anyio's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from retrieval.integrations.langchain import ClearanceRetriever

standard = pytest.importorskip("langchain_tests.integration_tests.retrievers")

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever

    from retrieval.client import Clearance


@pytest.mark.anyio
class TestClearanceRetriever(standard.RetrieversIntegrationTests):  # type: ignore[misc,name-defined] # found at run time
    """What every retriever of LangChain has to keep to."""

    _client: Clearance

    @pytest.fixture(autouse=True)
    def _with_a_client(self, client: Clearance) -> None:
        self._client = client

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return ClearanceRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"client": self._client, "options": {"min_relevance": 0}}

    @property
    def retriever_query_example(self) -> str:
        return "What is the per diem for trips abroad?"
