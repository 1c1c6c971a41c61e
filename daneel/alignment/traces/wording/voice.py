"""Who did what to whom, in the active voice and from the giver's side; the usual order of words."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import BEEN, DONE, NOUN_PHRASE, Rewrites

PLACED: Rewrites = (
    (r"\b(?:does|did) not (?:come|arrive|finish) (?:before|ahead of)\b", "did not come before"),
    (
        r"^(?:you|we|one) (?:will|can|may|could) (?:find|see) (.+?) (in|on|at|under|inside|"
        r"behind) (.+)$",
        r"\1 is \2 \3",
    ),
    (r"^(.+?) can be (?:found|seen) (in|on|at|under|inside|behind) (.+)$", r"\1 is \2 \3"),
)
"""Where something is, by who finds it there."""
VOICE: Rewrites = (
    (
        rf"^({NOUN_PHRASE}) {BEEN} (not )?({DONE}) by (?!(?:\d|noon|midnight|then|now|\w+ing\b|"
        rf"hand\b|far\b))({NOUN_PHRASE})$",
        lambda m: f"{m[4]} did not {m[3]} {m[1]}" if m[2] else f"{m[4]} {m[3]} {m[1]}",
    ),
    (rf"^by ({NOUN_PHRASE}) ({NOUN_PHRASE}) {BEEN} ({DONE})$", r"\1 \3 \2"),
    (r"^(.+?) (?:received|borrowed|got) (the .+?) from (.+)$", r"\3 gave \2 to \1"),
    (r"^(.+?) (?:was|is) (?:given|handed) (.+?) by (.+)$", r"\3 gave \2 to \1"),
    (r"^(.+?) (?:learned|learnt) (.+?) from (.+)$", r"\3 taught \2 to \1"),
    (r"\b(?:is|was) (?:a |the )?(?:wife|husband|spouse) of\b", "is married to"),
    (r"^(.+?) (?:is|was) (\w+)'s (?:wife|husband|spouse)$", r"\1 is married to \2"),
    (
        r"^(.+?) and (.+?) (?:are|were) (married|siblings|twins|neighbou?rs|friends|colleagues|"
        r"identical|equal|brothers|sisters|cousins)(?: to each other)?$",
        lambda m: (
            f"{m[1]} is married to {m[2]}"
            if m[3] == "married"
            else (
                f"{m[1]} is equal to {m[2]}"
                if m[3] in ("equal", "identical")
                else f"{m[1]} is a {m[3].rstrip('s')} of {m[2]}"
            )
        ),
    ),
    (
        r"^(?:in|on|at|under|inside|behind|above|below|next to|beside) (the [\w ]+?) (?:is|are|was|"
        r"sits|lies|stands|hangs) ((?:the|a|an|\d+|\w+) .*)$",
        lambda m: f"{m[2]} is {m[0].split(' the ')[0]} {m[1]}",
    ),
    (r"^not (on|in|off|open|closed|ready) (is|was) (.+)$", r"\3 \2 not \1"),
)
