"""One way of saying for the many: a sentence in other words, before the rules read it.

Each part is a table of patterns and what is written in their place. All are tried, in the order
below: what one writes, a later one may change. They change wording, never meaning, save that a
hedge (`I think`, `clearly`) is dropped.
"""

from __future__ import annotations

import re

from daneel.alignment.traces.wording.clefts import ASIDES, CLEFTS
from daneel.alignment.traces.wording.conditions import CONDITIONS, NEEDS
from daneel.alignment.traces.wording.contractions import CONTRACTIONS
from daneel.alignment.traces.wording.existence import EXISTENCE, ROLES
from daneel.alignment.traces.wording.first_person import FIRST_PERSON
from daneel.alignment.traces.wording.measures import DISTANCES, LABELLED, MEASURES, SPENT
from daneel.alignment.traces.wording.modality import MODALITY
from daneel.alignment.traces.wording.openers import bare
from daneel.alignment.traces.wording.owning import COUNTED, ENDING, OWNING
from daneel.alignment.traces.wording.quantities import QUANTITIES
from daneel.alignment.traces.wording.states import STATES, SWITCHED
from daneel.alignment.traces.wording.suppositions import SUPPOSITIONS
from daneel.alignment.traces.wording.telegrams import TELEGRAMS, is_telegram
from daneel.alignment.traces.wording.voice import PLACED, VOICE

_REWRITES = tuple(
    (re.compile(pattern), text)
    for part in (
        CONTRACTIONS,
        TELEGRAMS,
        LABELLED,
        SUPPOSITIONS,
        CLEFTS,
        SPENT,
        ENDING,
        SWITCHED,
        FIRST_PERSON,
        EXISTENCE,
        ROLES,
        ASIDES,
        NEEDS,
        MODALITY,
        CONDITIONS,
        QUANTITIES,
        OWNING,
        MEASURES,
        PLACED,
        COUNTED,
        DISTANCES,
        VOICE,
        STATES,
    )
    for pattern, text in part
)


def rewritten(text: str) -> str:
    """A sentence in lower case, in the words that the rules know."""
    text = bare(text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip(" ,;")


__all__ = ["is_telegram", "rewritten"]
