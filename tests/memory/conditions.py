"""Metadata and conditions on it that every store must treat alike."""

from __future__ import annotations

from typing import Any

ENTRIES: list[dict[str, Any]] = [
    {"room": "kitchen", "step": 1, "seen": True},
    {"room": "hall", "step": 2.5},
    {"room": "kitchen", "step": 3, "tags": ["a", "b"]},
    {"step": "4", "seen": 1},
    {},
    {"room": None, "deep": {"er": [1, {"x": None}]}},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"room": "kitchen"},
    {"room": {"ne": "kitchen"}},
    {"step": {"gte": 1, "lt": 3}},
    {"step": {"gt": "3"}},
    {"step": {"lte": 2.5}, "room": "hall"},
    {"room": {"in": ["hall", "cellar"]}},
    {"room": {"in": []}},
    {"room": {"exists": True}},
    {"room": {"exists": False}},
    {"room": None},
    {"seen": True},
    {"seen": 1},
    {"step": 1.0},
    {"tags": ["a", "b"]},
    {"deep": {"eq": {"er": [1, {"x": None}]}}},
    {'it\'s "quoted"; -- %s': "x' OR '1'='1"},
]
