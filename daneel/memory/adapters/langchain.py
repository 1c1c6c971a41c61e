"""Any store as a LangChain vector store.

    from daneel.memory import open_store
    from daneel.memory.adapters.langchain import DaneelVectorStore

    documents = DaneelVectorStore(open_store("notes.lance", dim=384), embeddings)
    documents.add_texts(["the cup is in the sink"], [{"room": "kitchen"}])
    documents.similarity_search("where is the cup", k=1, where={"room": "kitchen"})

A document's text is kept in the row's metadata under `text_key`; its own metadata beside it, so
conditions on them are those of the store. LangChain's async methods run these in a thread.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.adapters.shapes import missing
from daneel.memory.protocol import VectorStore as Store
from daneel.memory.protocol import Where

try:
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import VectorStore
    from langchain_core.vectorstores.utils import maximal_marginal_relevance
except ImportError as error:
    raise missing("langchain-core", "LangChain", "langchain") from error

TEXT = "page_content"


class DaneelVectorStore(VectorStore):
    """A store of `daneel.memory` and something that turns text into vectors."""

    def __init__(self, store: Store, embeddings: Embeddings, *, text_key: str = TEXT) -> None:
        """Puts LangChain's interface before a store, which the caller closes.

        Args:
            store: Where the documents are; its dim is that of the embeddings.
            embeddings: What turns texts and queries into vectors.
            text_key: Metadata field that keeps the text.
        """
        self.store, self._embeddings, self._text_key = store, embeddings, text_key

    @property
    def embeddings(self) -> Embeddings:
        """What turns texts into vectors."""
        return self._embeddings

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        store: Store | None = None,
        **options: Any,
    ) -> DaneelVectorStore:
        """A vector store of these texts: in `store`, or in memory when none is given.

        Raises:
            ValueError: An option is unknown, or there is neither a store nor a text.
        """
        if options:
            raise ValueError(f"options are {sorted(options)}. Expected only ids and store.")
        if store is None:
            from daneel.memory.in_memory import InMemoryStore

            store = InMemoryStore(len(embedding.embed_query("how wide")))
        found = cls(store, embedding)
        found.add_texts(texts, metadatas, ids=ids)
        return found

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **options: Any,
    ) -> list[str]:
        """Embed and store texts; returns their ids, new ones where none was given.

        Raises:
            ValueError: The numbers differ, metadata uses `text_key`, or an option is unknown.
        """
        if options:
            raise ValueError(f"options are {sorted(options)}. Expected only ids.")
        found = list(texts)
        names = [name or str(uuid.uuid4()) for name in ids or [None] * len(found)]
        entries = [self._entry(*each) for each in zip(found, metadatas or [{}] * len(found),
                                                     strict=True)]  # fmt: skip
        if found:
            self.store.add(names, np.array(self._embeddings.embed_documents(found)), entries)
        return names

    def _entry(self, text: str, metadata: dict[str, Any]) -> dict[str, Any]:
        if self._text_key in metadata:
            raise ValueError(
                f"metadata has the field {self._text_key!r}, which keeps the text. "
                "Expected another name. Choose text_key=... for the vector store."
            )
        return {**metadata, self._text_key: text}

    def delete(self, ids: list[str] | None = None, **options: Any) -> bool:
        """Remove documents; ids that are not there are passed over.

        Raises:
            ValueError: No ids were given: everything is deleted by deleting the store.
        """
        if ids is None or options:
            raise ValueError(f"ids are {ids}, options {sorted(options)}. Expected a list of ids.")
        self.store.delete(list(dict.fromkeys(ids)))
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of those ids that are there, in the order asked for."""
        rows = self.store.get(list(dict.fromkeys(ids)))
        return [self._document(*each) for each in zip(rows.ids, rows.metadata, strict=True)]

    def similarity_search(
        self, query: str, k: int = 4, *, where: Where | None = None, **options: Any
    ) -> list[Document]:
        """The k nearest documents, best first."""
        return [found for found, _ in self.similarity_search_with_score(query, k, where=where,
                                                                        **options)]  # fmt: skip

    def similarity_search_with_score(
        self, query: str, k: int = 4, *, where: Where | None = None, **options: Any
    ) -> list[tuple[Document, float]]:
        """The k nearest documents with the store's score: higher is nearer, for every metric.

        Raises:
            ValueError: An option is unknown, or the condition or k is wrong.
        """
        if options:
            raise ValueError(f"options are {sorted(options)}. Expected only k and where.")
        return self._near(self._embeddings.embed_query(query), k, where)

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, *, where: Where | None = None, **options: Any
    ) -> list[Document]:
        """The k documents nearest to a vector."""
        if options:
            raise ValueError(f"options are {sorted(options)}. Expected only k and where.")
        return [found for found, _ in self._near(embedding, k, where)]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        where: Where | None = None,
        **options: Any,
    ) -> list[Document]:
        """Of the `fetch_k` nearest documents k that are near to the query and unlike each other."""
        if options:
            raise ValueError(f"options are {sorted(options)}. Expected only where.")
        asked = self._embeddings.embed_query(query)
        near = [found for found, _ in self._near(asked, fetch_k, where)]
        vectors: NDArray[np.float32] = self.store.get([str(each.id) for each in near]).vectors
        chosen = maximal_marginal_relevance(np.array(asked), list(vectors), lambda_mult, k)
        return [near[at] for at in chosen]

    def _near(
        self, embedding: Sequence[float], k: int, where: Where | None
    ) -> list[tuple[Document, float]]:
        hits = self.store.search(np.array(embedding), k, where)
        rows = zip(hits.ids[0], hits.metadata[0], hits.scores[0].tolist(), strict=True)
        return [(self._document(name, entry or {}), score) for name, entry, score in rows if name]

    def _document(self, name: str, entry: dict[str, Any]) -> Document:
        text = str(entry.pop(self._text_key, ""))
        return Document(id=name, page_content=text, metadata=entry)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Scores brought into 0 .. 1, as LangChain's thresholds want them.

        Raises:
            ValueError: The metric is the inner product, which has no bounds.
        """
        if self.store.metric == "cosine":
            return lambda score: (score + 1) / 2
        if self.store.metric == "l2":
            return lambda score: 1 / (1 - score)
        raise ValueError(
            "metric is 'dot', whose scores have no bounds. Expected 'cosine' or 'l2' for relevance "
            "scores. Call similarity_search_with_score."
        )
