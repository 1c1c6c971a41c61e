"""Editing: one fact changed by a rank-one patch, with a report of what else moved."""

from daneel.alignment.editing.editor import EditReport, GradientPatchEditor
from daneel.alignment.editing.fact import Fact, complete, perplexity
from daneel.alignment.editing.locate import Place, locate
from daneel.alignment.editing.rank_one import Search

__all__ = [
    "EditReport",
    "Fact",
    "GradientPatchEditor",
    "Place",
    "Search",
    "complete",
    "locate",
    "perplexity",
]
