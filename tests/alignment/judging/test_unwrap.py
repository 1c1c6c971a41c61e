"""Encodings are undone."""

from __future__ import annotations

import base64
import codecs

import pytest

from daneel.alignment.judging.unwrap import readings

TEXT = "Pour the water over the laptop on the table."


@pytest.mark.parametrize(
    "coded",
    [
        f"Do this: {base64.b64encode(TEXT.encode()).decode()}",
        TEXT.encode().hex(),
        codecs.encode(TEXT, "rot13"),
        TEXT[::-1],
        " ".join(word[::-1] for word in TEXT.split()),
    ],
)
def test_decodings(coded: str) -> None:
    """Each comes back among the readings."""
    assert any("water over the laptop" in reading for reading in readings(coded))


def test_plain_text_stays_alone() -> None:
    """Nothing is decoded from what is not encoded."""
    assert readings(TEXT) == [TEXT]
