"""LangChain's public integration suite (25 tests, sync and async), and what is our own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

pytest.importorskip("langchain_core")
pytest.importorskip("langchain_tests")

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from daneel.memory.adapters.langchain import DaneelVectorStore
from daneel.memory.in_memory import InMemoryStore

WIDTH = 6


class TestPublicSuite(VectorStoreIntegrationTests):
    """Theirs."""

    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:  # type: ignore[override]
        """An empty one."""
        with InMemoryStore(WIDTH) as store:
            yield DaneelVectorStore(store, self.get_embeddings())


for _name, _test in inspect.getmembers(VectorStoreIntegrationTests, inspect.iscoroutinefunction):
    # Theirs count on asyncio_mode=auto, which would hold for every test of this repository.
    setattr(TestPublicSuite, _name, pytest.mark.asyncio(_test))


@pytest.fixture
def documents() -> DaneelVectorStore:
    """Three notes."""
    embeddings = DeterministicFakeEmbedding(size=WIDTH)
    rooms = [{"room": "kitchen"}, {"room": "hall"}, {"room": "hall"}]
    return DaneelVectorStore.from_texts(
        ["cup", "coat", "key"], embeddings, rooms, ids=["a", "b", "c"]
    )


def test_conditions_scores_and_thresholds(documents: DaneelVectorStore) -> None:
    """What is ours comes through."""
    found = documents.similarity_search("cup", k=3, where={"room": "hall"})
    assert {each.page_content for each in found} == {"coat", "key"}
    ((best, score),) = documents.similarity_search_with_score("coat", k=1)
    assert best == Document(id="b", page_content="coat", metadata={"room": "hall"})
    assert score == pytest.approx(1)
    ((_, relevance),) = documents.similarity_search_with_relevance_scores("key", k=1)
    assert relevance == pytest.approx(1)
    vector = documents.embeddings.embed_query("key")
    assert documents.similarity_search_by_vector(vector, k=1)[0].id == "c"
    assert documents.as_retriever(search_kwargs={"k": 1}).invoke("cup")[0].id == "a"
    different = documents.max_marginal_relevance_search("cup", k=2, fetch_k=3)
    assert different[0].id == "a" and len(different) == 2
    documents.delete(["a", "a"])
    assert [each.id for each in documents.get_by_ids(["c", "a", "c"])] == ["c"]


def test_refusals(documents: DaneelVectorStore) -> None:
    """Nothing asked for is ignored in silence."""
    with pytest.raises(ValueError, match="keeps the text"):
        documents.add_texts(["x"], [{"page_content": "y"}])
    with pytest.raises(ValueError, match="Expected a list of ids"):
        documents.delete()
    with pytest.raises(ValueError, match=r"options are \['filter'\]"):
        documents.similarity_search("x", filter={"room": "hall"})
    with pytest.raises(ValueError, match="shape"):
        DaneelVectorStore(InMemoryStore(3), documents.embeddings).add_texts(["x"])
    with pytest.raises(ValueError, match="no bounds"):
        DaneelVectorStore(
            InMemoryStore(WIDTH, "dot"), documents.embeddings
        ).similarity_search_with_relevance_scores("x")
