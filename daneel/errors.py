"""Errors that a user can act on.

Each message has three sentences: what was wrong with the value seen, what was expected, and the
next command to type. The command line prints `str(error)` and nothing else, and exits with 2.
"""

import difflib
from collections.abc import Iterable


class DaneelError(Exception):
    """A problem the user can fix; `str(error)` is the whole message."""

    def __str__(self) -> str:
        """Return the message as written (a `LookupError` subclass would add quotes)."""
        return " ".join(str(arg) for arg in self.args)


class ConfigError(DaneelError, ValueError):
    """A configuration field has a value outside its allowed range, or the wrong type."""


class UnknownNameError(DaneelError, LookupError):
    """A name is not in its registry; the message lists the nearest ones."""


class MissingExtraError(DaneelError, ImportError):
    """An optional dependency is absent; the message names the extra that brings it."""


class NonFiniteError(DaneelError, FloatingPointError):
    """A reward, an observation or a loss is NaN or infinite."""


class CheckpointError(DaneelError):
    """A checkpoint is truncated, foreign, tampered with, or of a newer format."""


class RunFolderError(DaneelError):
    """A run folder cannot be created, read, locked or written."""


class MemoryBudgetError(DaneelError):
    """The replay would not fit in memory."""


class MemoryStoreError(DaneelError):
    """A store of vectors is closed, damaged, of another shape, or cannot be reached."""


class RenderError(DaneelError):
    """No off-screen renderer is available for an environment."""


class SpaceError(DaneelError, TypeError):
    """An environment has an observation or action space that an agent cannot use."""


class PolicyError(DaneelError):
    """A policy that is scored raised, or gave an action that the task cannot take."""


LIKENESS = 0.4
"""Names less alike than this (0 nothing in common, 1 equal) are not worth suggesting."""

SHOWN = 12
"""How many names a message lists when none is near."""


def nearest(name: str, choices: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` of `choices` that look most like `name`, best first, ignoring case."""
    matcher = difflib.SequenceMatcher(b=name.casefold())
    likeness: dict[str, float] = {}
    for choice in choices:
        matcher.set_seq1(choice.casefold())
        likeness[choice] = matcher.ratio()
    near = [choice for choice in likeness if likeness[choice] >= LIKENESS]
    return sorted(near, key=lambda choice: -likeness[choice])[:n]


def unknown_name(kind: str, name: str, choices: Iterable[str], hint: str = "") -> UnknownNameError:
    """Build the error for a `name` that is not among `choices`.

    Args:
        kind: What the name stands for, in the singular ("env", "agent").
        name: The name as it was typed.
        choices: Every name that exists.
        hint: Last sentence, the next command to type. Left out when empty.
    """
    known = sorted(choices)
    close = nearest(name, known)
    if close:
        expected = f"Nearest: {', '.join(close)}."
    elif known:
        rest = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        expected = f"Known: {', '.join(known[:SHOWN])}{rest}."
    else:
        expected = f"No {kind} is registered."
    return UnknownNameError(" ".join(filter(None, (f"Unknown {kind} {name!r}.", expected, hint))))
