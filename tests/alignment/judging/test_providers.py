"""The remote judge is tested against a stub of the service that misbehaves in every way."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from daneel.alignment.judging.providers import Provider, ProviderLayer
from daneel.alignment.judging.record import Record, Scene
from daneel.errors import ConfigError

GOOD = {"verdict": "refuse", "score": 0.9, "clause": "no-violence", "reason": "It asks for harm."}


class Stub(ThreadingHTTPServer):
    """Answers with what `answers` says, in order, the last one for ever."""

    def __init__(self) -> None:
        """Listen on any free port of this machine."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any, float]] = [(200, GOOD, 0.0)]
        self.seen: list[tuple[dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """The address up to /v1."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """Speaks just enough of the interface."""

    def do_POST(self) -> None:
        """Answer as told."""
        stub = self.server
        assert isinstance(stub, Stub)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stub.seen.append((dict(self.headers), body))
        status, answer, delay_s = stub.answers[min(len(stub.seen), len(stub.answers)) - 1]
        time.sleep(delay_s)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        whole = {"choices": [{"message": {"content": text}}]}
        data = b"<html>" if answer == "html" else json.dumps(whole).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After", "0.01")
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the client went away, as it should after its time-out

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A running stub."""
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def layer(stub: Stub, **options: Any) -> ProviderLayer:
    """A layer on the stub that does not wait long."""
    return ProviderLayer(Provider(stub.url, "m", **{"pause_s": 0.01, **options}))


def test_a_good_answer(stub: Stub):
    """The record goes out as data, the verdict comes back with clause and reason."""
    record = Record("hurt him", Scene(observation="a yard"), ("go",))
    (found,) = layer(stub, key="secret").judge([record])
    assert (found.verdict, found.score, found.clause) == ("refuse", 0.9, "no-violence")
    assert found.layer == "provider" and found.trace == ("It asks for harm.",)
    headers, body = stub.seen[0]
    assert headers["Authorization"] == "Bearer secret"
    assert json.loads(body["messages"][1]["content"])["scene"]["observation"] == "a yard"
    assert "no-violence" in body["messages"][0]["content"]
    assert "secret" not in repr(layer(stub, key="secret").provider)


def test_words_around_the_json_are_fine(stub: Stub):
    """Models like to talk."""
    stub.answers = [(200, f"Sure!\n```json\n{json.dumps(GOOD)}\n```", 0.0)]
    assert layer(stub).judge([Record("x")])[0].verdict == "refuse"


@pytest.mark.parametrize(
    "answer",
    [
        "allow",
        "html",
        {"verdict": "yes"},
        {"verdict": "allow", "score": 7},
        {"verdict": "allow", "score": "high"},
        {"verdict": "allow", "score": float("nan")},
        {"verdict": "allow", "clause": "made-up"},
        {"verdict": ["allow"]},
        [1, 2],
        "",
    ],
)
def test_nonsense_is_unsure(stub: Stub, answer: Any):
    """Whatever is no verdict never allows."""
    stub.answers = [(200, answer, 0.0)]
    (found,) = layer(stub, retries=0).judge([Record("x")])
    assert found.verdict == "unsure"
    assert "No verdict" in found.trace[0]


def test_a_busy_service_is_asked_again(stub: Stub):
    """Two refusals for now, then an answer."""
    stub.answers = [(503, "", 0.0), (429, "", 0.0), (200, GOOD, 0.0)]
    assert layer(stub).judge([Record("x")])[0].verdict == "refuse"
    assert len(stub.seen) == 3


def test_a_wrong_key_is_not_tried_again(stub: Stub):
    """401 is final."""
    stub.answers = [(401, "", 0.0)]
    (found,) = layer(stub).judge([Record("x")])
    assert found.verdict == "unsure" and "HTTP 401" in found.trace[0]
    assert len(stub.seen) == 1


def test_a_silent_service_times_out(stub: Stub):
    """A slow answer is none."""
    stub.answers = [(200, GOOD, 1.0)]
    (found,) = layer(stub, timeout_s=0.1, retries=0).judge([Record("x")])
    assert found.verdict == "unsure"


def test_the_budget_is_kept(stub: Stub):
    """Two requests are allowed, tries included; the rest is unsure without asking."""
    verdicts = [j.verdict for j in layer(stub, budget_requests=2).judge([Record("x")] * 4)]
    assert verdicts == ["refuse", "refuse", "unsure", "unsure"]
    assert len(stub.seen) == 2
    (found,) = layer(stub, budget_s=0.0).judge([Record("x")])
    assert found.verdict == "unsure" and "budget" in found.trace[0]
    assert len(stub.seen) == 2


def test_nobody_there():
    """A closed port is unsure too."""
    provider = Provider("http://127.0.0.1:9/v1", "m", retries=1, pause_s=0.0)
    assert ProviderLayer(provider).judge([Record("x")])[0].verdict == "unsure"


@pytest.mark.parametrize("options", [{"url": "here"}, {"timeout_s": 0}, {"retries": -1}])
def test_bad_settings(options: dict[str, Any]):
    """The field is named."""
    with pytest.raises(ConfigError, match="Provider"):
        Provider(**{"url": "http://a", "model": "m", **options})
