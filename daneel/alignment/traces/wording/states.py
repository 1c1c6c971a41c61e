"""The states of things in the words of which one denies the other."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites

SWITCHED: Rewrites = (
    (r"\bis unpowered\b", "is not on"),
    (r"\b(?:has|have|had) been (?:switched|turned|powered) (on|off)\b", r"is \1"),
    (
        r"\b(?:has|have) (stopped|started)\b$",
        lambda m: "is stopped" if m[1] == "stopped" else "is running",
    ),
)
"""What was done to a device, as the state that it is in."""
STATES: Rewrites = (
    (
        r"\b(?:is|was) (?:at )?(?:fault|out of order|out of service|not working|not functional|"
        r"not functioning|not operational|defective|damaged|faulty|malfunctioning|kaput)\b",
        "is broken",
    ),
    (
        r"\b(?:is|was|are|were) (?:intact|undamaged|functional|functioning|operational|in order|"
        r"in working order|fault-free)\b",
        "is working",
    ),
    (r"\b(?:is|are|was|were) (?:switched|turned|powered) (on|off)\b(?! by)", r"is \1"),
    (r"\bis (not )?(?:energi[sz]ed|powered)\b", lambda m: f"is {m[1] or ''}on"),
    (r"\b(?:is|are) (not )?(?:ajar|wide open)\b", lambda m: f"is {m[1] or ''}open"),
    (r"\bcontains? (?:no|not any)thing\b", "is empty"),
    (r"\b(?:is|are) (?:full to the brim|filled up|filled)\b", "is full"),
    (r"\bis (?:at rest|stationary|standing still|not in motion|motionless)\b", "is not moving"),
    (r"\bis halted\b", "is stopped"),
    (r"\bis in motion\b", "is moving"),
    (r"\b(?:is|was) (?:deceased|lifeless)\b", "is dead"),
    (r"\b(?:is|was) (?:rainy)\b", "is wet"),
    (r"\b(?:is|are) down\b$", "is not up"),
    (r"\b(?:is|are) (?:offline|unplugged|disconnected)\b", "is not online"),
    (r"\bis (?:connected|plugged in)\b(?! to)", "is online"),
    (r"\bsucceeded$", "passed"),
    (r"\b(?:was|is) (?:a success|successful)$", "passed"),
    (r"\b(?:was|is) (?:a failure|unsuccessful)$", "failed"),
    (r"\b(went|goes|moved|climbed|increased|rose|rises|grew|grows|increases) up\b", "rose"),
    (r"\b(?:increased|increases|climbed|grew|grows|went higher|rises)\b$", "rose"),
    (
        r"\b(?:went down|goes down|decreased|decreases|dropped|drops|declined|fell|sank|shrank|"
        r"falls)\b$",
        "did not rise",
    ),
)
"""States, and what changed them, in the words that have an opposite."""
