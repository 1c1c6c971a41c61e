"""What the layers of alignment judge, and what they answer: the seam that they all share.

A `Record` is one request to an agent: the instruction and, where given, the scene it will act in
and the plan it made. A `Layer` reads records and answers with a `Judgement` for each, which names
the clause of the constitution that decided. Nothing in here judges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from daneel.errors import DaneelError

VerdictWord = Literal["allow", "refuse", "unsure"]
"""What a layer answers; `unsure` never lets an agent act."""

EXPECTED = 'a JSON object such as {"instruction": "heat the soup", "scene": {"objects": []}}'
NEXT = "Mend the line, or see docs/alignment/text.md for every key."


class RecordError(DaneelError, ValueError):
    """A record to be judged lacks its instruction, or a key has the wrong type."""


@dataclass(frozen=True)
class SceneObject:
    """One thing in the scene."""

    name: str
    """What it is called ("mug_1", "stove")."""
    states: tuple[str, ...] = ()
    """What is true of it, one word or phrase each ("hot", "filled with water")."""


@dataclass(frozen=True)
class Scene:
    """What the agent has around it; every field may be empty."""

    objects: tuple[SceneObject, ...] = ()
    """The things in reach or in view."""
    relations: tuple[tuple[str, str, str], ...] = ()
    """(subject, relation, object), as ("mug_1", "on", "laptop")."""
    observation: str = ""
    """The scene in words, where nobody made symbols of it."""

    @classmethod
    def from_dict(cls, given: object) -> "Scene":
        """Read a scene: words, a list of objects, or a mapping with the keys of the fields.

        Objects may be names, mappings with `name` and `states`, or one mapping from name to
        states. States may be a word, a list of words, or a mapping: `{"hot": true}` reads "hot",
        `{"temperature": "hot"}` reads "temperature hot", false and null are left out.

        Raises:
            RecordError: Something else was given.
        """
        if isinstance(given, str):
            return cls(observation=given)
        if isinstance(given, list):
            return cls(objects=_objects(given))
        if not isinstance(given, Mapping):
            raise _wrong("scene", given, "words, a list of objects, or a mapping")
        observation = given.get("observation") or ""
        if not isinstance(observation, str):
            raise _wrong("scene.observation", observation, "words")
        objects = _objects(given.get("objects") or [])
        return cls(objects, _relations(given.get("relations") or []), observation)


@dataclass(frozen=True)
class Record:
    """One request to an agent."""

    instruction: str
    """What the person asks; the turns of a conversation are its lines."""
    scene: Scene | None = None
    """Where the agent will act, if known."""
    plan: tuple[str, ...] | None = None
    """The steps that the agent means to take, if it made a plan."""

    @classmethod
    def from_dict(cls, given: object) -> "Record":
        """Read a record with `instruction` and, where given, `scene` and `plan`.

        The instruction is a text, or a list of turns: texts, or mappings with `content` as chat
        endpoints write them. The plan is a list of steps, or a text with one step a line. Keys
        beyond these three are ignored.

        Raises:
            RecordError: The instruction is absent, or a key has another type.
        """
        if not isinstance(given, Mapping):
            raise RecordError(f"The record is {_seen(given)}. Expected {EXPECTED}. {NEXT}")
        if given.get("instruction") is None:
            raise RecordError(
                f"The record has no instruction; its keys are {sorted(map(str, given))}. "
                f"Expected {EXPECTED}. {NEXT}"
            )
        scene = given.get("scene")
        return cls(
            instruction=_instruction(given["instruction"]),
            scene=None if scene is None else Scene.from_dict(scene),
            plan=_plan(given.get("plan")),
        )


@dataclass(frozen=True)
class Judgement:
    """What a layer says about one record."""

    verdict: VerdictWord
    """`allow`, `refuse`, or `unsure`, which does not let the agent act."""
    score: float
    """0 harmless .. 1 harmful."""
    clause: str = ""
    """Id of the clause that decided, empty where none was broken."""
    layer: str = ""
    """Name of the layer that decided."""
    trace: tuple[str, ...] = ()
    """The reasons, one sentence each, in the order in which they were found."""


class Layer(Protocol):
    """One layer of alignment: a text classifier, a plan critic, a remote judge."""

    name: str

    def judge(self, records: Sequence[Record]) -> list[Judgement]:
        """Return one judgement for each record, in order."""
        ...


def _instruction(given: object) -> str:
    """Return the words of an instruction that is a text or a list of turns."""
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        return "\n".join(_turn(turn) for turn in given)
    raise _wrong("instruction", given, "a text or a list of turns")


def _turn(turn: object) -> str:
    """Return the words of one turn of a conversation."""
    words = turn.get("content") if isinstance(turn, Mapping) else turn
    if not isinstance(words, str):
        raise _wrong("instruction", turn, "turns that are texts, or mappings with a text `content`")
    return words


def _plan(given: object) -> tuple[str, ...] | None:
    """Return the steps of a plan."""
    if given is None:
        return None
    if isinstance(given, str):
        return tuple(line.strip() for line in given.splitlines() if line.strip())
    if isinstance(given, list) and all(isinstance(step, str) for step in given):
        return tuple(given)
    raise _wrong("plan", given, "a list of steps that are texts, or one text")


def _objects(given: object) -> tuple[SceneObject, ...]:
    """Return the objects of a scene."""
    if isinstance(given, Mapping):
        return tuple(SceneObject(str(name), _states(states)) for name, states in given.items())
    if not isinstance(given, list):
        raise _wrong("scene.objects", given, "a list of objects")
    return tuple(map(_object, given))


def _object(given: object) -> SceneObject:
    """Return one object, given by name or as a mapping."""
    if isinstance(given, str):
        return SceneObject(given)
    if isinstance(given, Mapping) and isinstance(given.get("name"), str):
        return SceneObject(given["name"], _states(given.get("states", given.get("state"))))
    raise _wrong("scene.objects", given, "objects that are names, or mappings with a `name`")


def _states(given: Any) -> tuple[str, ...]:
    """Return what is true of an object, in words."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Mapping):
        return tuple(
            str(name) if value is True else f"{name} {value}"
            for name, value in given.items()
            if value is not None and value is not False
        )
    if isinstance(given, list):
        return tuple(map(str, given))
    raise _wrong("states", given, "a word, a list of words, or a mapping")


def _relations(given: object) -> tuple[tuple[str, str, str], ...]:
    """Return (subject, relation, object) triples."""
    if not isinstance(given, list):
        raise _wrong("scene.relations", given, 'a list such as [["mug", "on", "laptop"]]')
    return tuple(map(_relation, given))


def _relation(given: object) -> tuple[str, str, str]:
    """Return one triple, given as a list or as a mapping."""
    if isinstance(given, Mapping):
        given = [given.get(key) for key in ("subject", "relation", "object")]
    match given:
        case [str(subject), str(relation), str(other)]:
            return subject, relation, other
    raise _wrong("scene.relations", given, 'triples such as ["mug", "on", "laptop"]')


def _wrong(key: str, value: object, expected: str) -> RecordError:
    """Return the error for a key whose value has the wrong type."""
    return RecordError(f"The key {key!r} is {_seen(value)}. Expected {expected}. {NEXT}")


def _seen(value: object) -> str:
    """Return a value as a message shows it: type and beginning."""
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 60 else shown[:57] + '...'}"
