"""`I`, `we` and `my gripper` are the robot that thinks."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import Rewrites


def _third(verb: str) -> str:
    """`carry`, `carries`."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x")) else "s")


FIRST_PERSON: Rewrites = (
    (r"\b(?:i|we) am\b|\bwe are\b(?! (?:given|told|left|looking|done))", "the robot is"),
    (r"\bi (?=have|had|was|can|must|did|do)\b", "the robot "),
    (r"\bthe robot (have)\b", "the robot has"),
    (r"\bthe robot do not\b", "the robot does not"),
    (
        r"^(?:i|we|they)(?: now| then)? (open|close|shut|lock|unlock|fill|empty|clean|break|fix|"
        r"repair|heat|cool|dry|charge|drain|activate|deactivate|enable|disable|light|move|put|"
        r"place|carry|bring|take|grab|drop|push|pull|give|hand|lift|pour|switch|turn) ",
        lambda m: f"the robot {_third(m[1])} ",
    ),
    (r"\b(?:my|the robot's|its|the) (?:gripper|hand|hands|grippers)\b", "the robot"),
    (r"\b(?:is )?(?:holding|holds|carrying|carries|grasping) nothing\b", "is empty"),
)
