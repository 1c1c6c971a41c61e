"""Summaries in words, by any service that speaks the OpenAI-compatible HTTP interface.

Legend: N rows of a segment, D dimensions, Q queries.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_vectors
from daneel.memory.compression.endpoint import Endpoint
from daneel.memory.compression.reservoir import Fetch
from daneel.memory.in_memory import score_all
from daneel.memory.protocol import Rows

PROMPT = (
    "Summarise these notes in at most {words} words. Keep every name, number and place. "
    "Answer with the summary alone.\n\n{notes}"
)


class ChatSummariser:
    """One text for a segment, written by a language model; its embedding stands for every row.

    A hit on a segment is a hit on all of its rows with the same score: take small segments, or
    let `ContextSummaryMemory` rank the originals.

    Args:
        endpoint: Of `chat/completions` (and `embeddings`).
        model: Name of the language model there.
        dim: D.
        embed: Maps texts to vectors `[n, D]`, the same map as the caller's own vectors; or the
            name of an embedding model at the endpoint.
        words: Length asked of a summary.
        field: Where a row's metadata has its text; a row without it counts by its id.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        dim: int,
        embed: Callable[[Sequence[str]], ArrayLike] | str,
        *,
        words: int = 100,
        field: str = "text",
    ) -> None:
        """Sends nothing yet."""
        self.endpoint, self.model, self.dim = endpoint, model, dim
        self.words, self.field, self._embed = words, field, embed

    def learn(self, vectors: NDArray[np.float32]) -> None:
        """Nothing: the model is trained already."""

    def summarise(self, rows: Rows) -> bytes:
        """See `Summariser.summarise`: two requests, or one with an `embed` of your own."""
        text = self._ask(self._prompt(rows))
        vector = base64.b64encode(self._vector(text).astype("<f4").tobytes()).decode()
        return json.dumps({"text": text, "vector": vector, "rows": len(rows.ids)}).encode()

    def text(self, summary: bytes) -> str:
        """The words of a summary."""
        return _read(summary)["text"]

    def expand(self, summary: bytes, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """See `Summariser.expand`: the embedding of the text, once for each row."""
        found = _read(summary)
        count = found["rows"] if rows is None else len(rows)
        vector = np.frombuffer(base64.b64decode(found["vector"]), "<f4")
        return np.repeat(vector[None], count, axis=0)

    def scores(
        self, summaries: Sequence[bytes], queries: NDArray[np.float32], metric: str
    ) -> Iterator[NDArray[np.float32]]:
        """See `Summariser.scores`."""
        for summary in summaries:
            vector = self.expand(summary, np.zeros(1, np.int64))
            yield np.repeat(score_all(queries, vector, metric), _read(summary)["rows"], axis=1)

    def state(self) -> list[NDArray[np.float32]]:
        """Nothing: a summary holds all it needs."""
        return []

    def restore(
        self, state: Sequence[NDArray[np.float32]], seen: int = 0, fetch: Fetch | None = None
    ) -> None:
        """Nothing to take up."""

    def _prompt(self, rows: Rows) -> str:
        pairs = zip(rows.ids, rows.metadata, strict=True)
        notes = "\n".join(f"- {entry.get(self.field) or name}" for name, entry in pairs)
        return PROMPT.format(words=self.words, notes=notes)

    def _ask(self, prompt: str) -> str:
        messages = [{"role": "user", "content": prompt}]
        body = {"model": self.model, "messages": messages, "temperature": 0}
        answer = self.endpoint.post("chat/completions", body)
        text = _field(answer, "choices", 0, "message", "content")
        if not isinstance(text, str) or not text.strip():
            raise _unexpected("chat/completions", answer, "text in choices[0].message.content")
        return text.strip()

    def _vector(self, text: str) -> NDArray[np.float32]:
        if callable(self._embed):
            return check_vectors("embed(texts)", self._embed([text]), self.dim)[0]
        answer = self.endpoint.post("embeddings", {"model": self._embed, "input": [text]})
        try:
            found = np.asarray(_field(answer, "data", 0, "embedding"), np.float32)
            return check_vectors("the embedding", found, self.dim)[0]
        except (TypeError, ValueError) as error:
            wanted = f"{self.dim} numbers in data[0].embedding ({error})"
            raise _unexpected("embeddings", answer, wanted) from error


def _read(summary: bytes) -> dict[str, Any]:
    try:
        return json.loads(summary)
    except ValueError as error:
        raise MemoryStoreError(
            f"A summary of {len(summary)} bytes is no JSON: {error}. Expected one of "
            "ChatSummariser. Open the store with the summariser that it was made with."
        ) from None


def _field(answer: Any, *path: str | int) -> Any:
    """What lies at a path of keys and indexes; None where there is nothing."""
    for key in path:
        try:
            answer = answer[key]
        except (KeyError, IndexError, TypeError):
            return None
    return answer


def _unexpected(path: str, answer: Any, wanted: str) -> MemoryStoreError:
    return MemoryStoreError(
        f"{path} answered {str(answer)[:200]!r}. Expected {wanted}. Check that the url is of an "
        "OpenAI-compatible service and that it has the model."
    )
