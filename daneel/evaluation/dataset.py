"""What a real data set is described by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A public data set and how to recognise it."""

    name: str
    """Name and folder below `DANEEL_DATA`."""
    summary: str
    """What it is."""
    source: str
    """Public place it can be had from."""
    licence: str
    """What its owners allow."""
    sha256: Mapping[str, str]
    """Hash of each file, by the file's name."""
