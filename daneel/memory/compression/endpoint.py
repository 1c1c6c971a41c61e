"""A JSON-over-HTTP service that may be slow, busy or down: time-outs and retries."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from daneel.errors import MemoryStoreError

BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
"""HTTP answers after which the same request may succeed."""

LONGEST_PAUSE_S = 60.0
"""However long the service asks us to wait."""


@dataclass(frozen=True)
class Endpoint:
    """Where to send requests."""

    url: str
    """Such as `http://127.0.0.1:8000/v1`; what is asked for is appended."""

    key: str | None = None
    """Sent as a bearer token."""

    timeout_s: float = 30.0
    """For the connection and for each wait for bytes."""

    retries: int = 3
    """Further tries after the first."""

    pause_s: float = 0.5
    """Before the first further try; doubled each time; `Retry-After` wins where it is longer."""

    def __post_init__(self) -> None:
        """Refuses what is no address of a service."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url is {self.url!r}. Expected http://... or https://...")
        if self.timeout_s <= 0 or self.retries < 0 or self.pause_s < 0:
            raise ValueError(
                f"timeout_s is {self.timeout_s}, retries {self.retries}, pause_s {self.pause_s}. "
                "Expected a time-out above 0, and the others not below."
            )

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that the service answers.

        Raises:
            MemoryStoreError: No good answer after all tries; the message says what came.
        """
        for attempt in range(self.retries + 1):
            try:
                return self._once(path, body)
            except _Failed as failure:
                if failure.final or attempt == self.retries:
                    raise self._gave_up(path, attempt + 1, failure) from failure
                pause = max(self.pause_s * 2**attempt, failure.wait_s)
                time.sleep(min(pause, LONGEST_PAUSE_S))
        raise AssertionError("the last attempt returns or raises")

    def _once(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        address = f"{self.url.rstrip('/')}/{path}"
        data = json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                found = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            wait = _seconds(error.headers.get("Retry-After"))
            text = error.read(200).decode(errors="replace")
            message = f"HTTP {error.code} {text!r}"
            raise _Failed(message, final=error.code not in BUSY, wait_s=wait) from error
        except (OSError, HTTPException, ValueError) as error:
            raise _Failed(f"{type(error).__name__}: {error}") from error
        if not isinstance(found, dict):
            raise _Failed(f"the JSON value {str(found)[:80]!r}, no object")
        return found

    def _gave_up(self, path: str, tries: int, failure: _Failed) -> MemoryStoreError:
        return MemoryStoreError(
            f"{self.url.rstrip('/')}/{path} gave {failure} (try {tries} of {self.retries + 1}). "
            "Expected a JSON object. Check the url, the key and that the service runs, or raise "
            "timeout_s or retries."
        )


class _Failed(Exception):
    """One try that failed."""

    def __init__(self, message: str, final: bool = False, wait_s: float = 0.0) -> None:
        """What came, whether trying again is vain, and how long the service asked to wait."""
        super().__init__(message)
        self.final, self.wait_s = final, wait_s


def _seconds(header: str | None) -> float:
    """The wait that a `Retry-After` header asks for; 0 when it is absent or a date."""
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0
