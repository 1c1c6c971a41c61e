"""Summaries in words, by a small HTTP server of our own that can also be slow, busy and wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.compression import (
    ChatSummariser,
    ContextSummaryMemory,
    Endpoint,
    SummarizingMemory,
)
from daneel.memory.in_memory import InMemoryStore
from tests.memory.compression.data import LastingStore

WORDS = ("red", "door", "lamp", "key")


def embed(texts: Any) -> np.ndarray:
    """How often each of four words is in a text."""
    return np.array([[text.count(word) for word in WORDS] for text in texts], np.float32)


class Service(ThreadingHTTPServer):
    """Answers as an OpenAI-compatible service does: the notes themselves are the summary."""

    def __init__(self) -> None:
        """Listens at a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, Any], str | None]] = []
        self.failures: list[tuple[int, dict[str, str], str]] = []
        self.delay_s = 0.0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    @property
    def service(self) -> Service:
        """The server, as what it is."""
        assert isinstance(self.server, Service)
        return self.server

    def do_POST(self) -> None:
        """A prepared failure if there is one, else a good answer."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.requests.append((self.path, body, self.headers["Authorization"]))
        time.sleep(self.service.delay_s)
        if self.service.failures:
            self._send(*self.service.failures.pop(0))
        elif self.path == "/v1/embeddings":
            data = [{"embedding": embed([text])[0].tolist()} for text in body["input"]]
            self._send(200, {}, json.dumps({"data": data}))
        else:
            text = body["messages"][0]["content"].split("\n\n", 1)[1]
            choice = {"message": {"role": "assistant", "content": text}}
            self._send(200, {}, json.dumps({"choices": [choice]}))

    def _send(self, status: int, headers: dict[str, str], text: str) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())
        except BrokenPipeError:  # the client did not wait
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def service() -> Iterator[Service]:
    """Running."""
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def summariser(service: Service, embedding: Any = "small", **options: Any) -> ChatSummariser:
    """Over the service, with short pauses."""
    endpoint = Endpoint(service.url, pause_s=0.001, **options)
    return ChatSummariser(endpoint, "tiny", 4, embedding)


def test_summaries_are_written_searched_and_kept(service: Service) -> None:
    """One text for a segment; every row of it is found by it, also after opening again."""
    base = LastingStore(4)
    chat = summariser(service, key="secret")
    memory = SummarizingMemory(base, chat, recent=1, segment=2)
    texts = ["a red door", "a red lamp", "no key"]
    memory.add(["a", "b", "c"], embed(texts), [{"text": text} for text in texts])
    path, body, token = service.requests[0]
    assert (path, body["model"], token) == ("/v1/chat/completions", "tiny", "Bearer secret")
    assert "- a red door\n- a red lamp" in body["messages"][0]["content"]
    for each in (memory, SummarizingMemory(base, chat, recent=1, segment=2)):
        hits = each.search(embed(["red"]), 3)
        assert hits.ids.tolist() == [["a", "b", "c"]]
        assert hits.scores[0, 0] == hits.scores[0, 1] == pytest.approx(2 / 6**0.5)
        np.testing.assert_array_equal(each.get(["b"]).vectors, embed([" ".join(texts[:2])]))


def test_the_context_ranks_within_a_segment(service: Service) -> None:
    """A segment found by its summary is read again; here with an embedding of the caller's."""
    chat = summariser(service, embed)
    summaries = SummarizingMemory(InMemoryStore(4), chat, recent=0, segment=2)
    memory = ContextSummaryMemory(InMemoryStore(4), summaries, 4)
    texts = ["red key", "lamp lamp", "door", "door lamp"]
    memory.add(list("abcd"), embed(texts), [{"text": text} for text in texts])
    assert memory.search(embed(["lamp"]), 2).ids.tolist() == [["b", "d"]]
    assert all(path.endswith("chat/completions") for path, _, _ in service.requests)


@pytest.mark.parametrize(
    "failure",
    [
        (503, {}, "busy"),
        (429, {"Retry-After": "0"}, "slow down"),
        (200, {}, "<html>"),
        (200, {}, "[]"),
    ],
)
def test_what_may_pass_is_tried_again(service: Service, failure: Any) -> None:
    """Twice wrong, then right."""
    service.failures = [failure, failure]
    assert Endpoint(service.url, pause_s=0.001).post("embeddings", {"input": ["x"]})["data"]
    assert len(service.requests) == 3


def test_retry_after_is_waited_for(service: Service) -> None:
    """Where it is longer than our own pause; a date is passed over."""
    service.failures = [(429, {"Retry-After": "0.2"}, ""), (429, {"Retry-After": "Sun"}, "")]
    began = time.monotonic()
    Endpoint(service.url, pause_s=0.001).post("embeddings", {"input": ["x"]})
    assert time.monotonic() - began >= 0.2


def test_what_will_not_pass_is_not_tried_again(service: Service) -> None:
    """A wrong key; and the message says what came."""
    service.failures = [(401, {}, "bad key")]
    with pytest.raises(MemoryStoreError, match=r"401 'bad key'.*try 1 of 4"):
        Endpoint(service.url).post("chat/completions", {})


def test_a_service_that_does_not_answer(service: Service) -> None:
    """Too slow, or not there: an error in time."""
    service.delay_s = 0.5
    with pytest.raises(MemoryStoreError, match="timed out"):
        Endpoint(service.url, timeout_s=0.1, retries=0).post("embeddings", {"input": []})
    with pytest.raises(MemoryStoreError, match="try 2 of 2"):
        Endpoint("http://127.0.0.1:9", retries=1, pause_s=0.001).post("embeddings", {})


@pytest.mark.parametrize(
    "answer", ['{"choices": []}', '{"choices": [{"message": {"content": ""}}]}']
)
def test_an_answer_without_a_summary(service: Service, answer: str) -> None:
    """Is refused, as is an embedding of another width."""
    service.failures = [(200, {}, answer)]
    rows = InMemoryStore(4).get([])
    with pytest.raises(MemoryStoreError, match="choices"):
        summariser(service).summarise(rows)
    service.failures = [
        (200, {}, '{"choices": [{"message": {"content": "x"}}]}'),
        (200, {}, '{"data": [{"embedding": [1, 2]}]}'),
    ]
    with pytest.raises(MemoryStoreError, match="4 numbers"):
        summariser(service).summarise(rows)


def test_rows_stay_exact_while_the_service_is_down(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is refused or lost; when it is back the rows are summarised."""
    memory = SummarizingMemory(
        InMemoryStore(4), summariser(service, retries=0), recent=1, segment=2
    )
    service.failures = [(500, {}, "down")]
    memory.add(["a", "b", "c"], embed(["red", "door", "key"]))
    assert memory.is_exact("a") and "3 rows stay exact" in caplog.text
    memory.add(["d"], embed(["lamp"]))
    assert len(service.requests) == 1  # not again at once
    memory.add(["e"], embed(["lamp"]))
    assert not memory.is_exact("a") and memory.is_exact("e") and len(memory) == 5


def test_bad_settings() -> None:
    """An address that is none, a time-out of nothing, bytes of another summariser."""
    with pytest.raises(ValueError, match="http"):
        Endpoint("localhost:8000")
    with pytest.raises(ValueError, match="timeout_s"):
        Endpoint("http://x", timeout_s=0)
    chat = ChatSummariser(Endpoint("http://x"), "m", 4, embed)
    with pytest.raises(MemoryStoreError, match="no JSON"):
        chat.expand(b"\xff")
    assert chat.state() == []
