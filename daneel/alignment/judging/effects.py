"""Carries a plan out on symbols: what each step does to the things, and what is left at the end.

The world starts as the scene shows it; a thing that no scene shows is made when a step speaks of
it, with the kinds that the lexicon gives. Every act gives effects between the thing acted on and
the things it is put on, held against or poured over, then the effects that follow: what lies in a
microwave that is switched on is heated; what stands beside a lit candle is near a flame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daneel.alignment.judging.symbols import Action, Effect, Mention, Thing, World

MOVES = frozenset(("put", "give", "leave", "throw", "plug", "fill", "block", "take", "use", "feed"))
PLACES = frozenset(("on", "in", "near", "under", "over", "front", "at", "to", "across", "with"))
FIXTURES = frozenset("microwave fridge oven stove sink tap door furniture surface washer".split())
"""Kinds of things that "it" is not, once something smaller was spoken of."""
MACHINES = frozenset(("electronics", "heat", "tap"))
"""Kinds of things that "it" is when it is turned on or off."""
SOLID = frozenset("readyfood meat smallpart notfood electronics plant".split())
"""Kinds of things that do not become liquid by being poured."""
BARE = 4
"""Words of the longest bare command."""
_SEARCH = frozenset(
    ("find", "locate", "look", "look at", "search", "go to", "approach", "walk to", "face")
)


class Execution:
    """A world while a plan runs in it."""

    def __init__(self, world: World) -> None:
        """Start in a world, which is changed."""
        self.world = world
        self.last: Thing | None = None
        self.named: Thing | None = None
        self.machine: Thing | None = None
        self.held: Thing | None = None
        self.focus: Thing | None = None
        self.switched: dict[Thing, Action] = {}
        self.opened: dict[Thing, Action] = {}

    def run(self, actions: Iterable[Action], *, planned: bool) -> list[Effect]:
        """Return the effects of actions in order; a plan's leftovers come last.

        Only a plan of bare commands is taken at its word about what it leaves open or on: people
        who write sentences leave out what goes without saying.
        """
        acts = list(actions)
        found = [effect for action in acts for effect in self.act(action)]
        bare = planned and all(len(action.text.split()) <= BARE for action in acts)
        return [*found, *self.leftovers()] if bare else found

    def act(self, action: Action) -> list[Effect]:
        """Return the effects of one action."""
        if action.verb in ("go", "label") or action.word in _SEARCH:
            self._look(action)
            return []
        what, links = self._roles(action)
        if what is None:
            return []
        if action.verb == "pour" and not what.kinds & SOLID:
            what.kinds.add("liquid")  # whatever it is, it pours
        direct = list(self._direct(action, what, links))
        follow = list(self._follow(action, what, links))
        self.named = what
        for thing in (what, *(where for _, where in links)):
            if thing.kinds & MACHINES:
                self.machine = thing
        if not what.kinds & FIXTURES:
            self.last = what
        return direct + follow

    def _direct(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        """Yield the act itself, with each thing it is joined to."""
        verb = action.verb
        if verb == "throw" and any("trash" in where.kinds for _, where in links):
            verb = "discard"
        if not links:
            yield _effect(action, verb, what)
        placed = False
        for relation, where in links:  # "on the desk next to the lamp": the lamp tells which desk
            further = placed and relation in ("on", "in", "near", "under", "over", "front", "at")
            yield _effect(action, verb, what, relation, where, {"indirect"} if further else ())
            placed = placed or relation in ("on", "in", "near")

    def leftovers(self) -> Iterator[Effect]:
        """Yield what is still on or open when the plan is over."""
        for thing, action in self.switched.items():
            yield _effect(action, "left_on", thing)
        for thing, action in self.opened.items():
            yield _effect(action, "left_open", thing)

    def _look(self, action: Action) -> None:
        for mention in (action.what, *(mention for _, mention in action.links)):
            if mention and mention.head:
                self.focus = self.thing(mention)

    def _roles(self, action: Action) -> tuple[Thing | None, list[tuple[str, Thing]]]:
        """Return what is acted on and what it is joined to; words left out are filled in."""
        links = [(relation, self.thing(mention)) for relation, mention in action.links]
        if action.what is None or not action.what.head:
            switched = action.verb in (
                "turn_on",
                "turn_off",
                "open",
                "close",
                "leave",
                "unplug",
                "clean",
            )
            machine = self.machine if action.verb in ("turn_on", "turn_off") else None
            named = self.named if switched else None
            what = machine or named or self.last or self.held or self.named
            if what is None and action.what is not None and action.what.kinds:
                what = Thing(action.what.text, set(action.what.kinds))
            if what is None and links:
                what, links = links[0][1], links[1:]
        else:
            what = self.thing(action.what)
        if (
            action.verb in ("put", "throw", "pour")
            and not links
            and self.held not in (None, what)
            and what
        ):
            return self.held, [
                (
                    "in" if what.kinds & {"sink", "microwave", "fridge", "oven", "trash"} else "on",
                    what,
                )
            ]
        if (
            action.verb in ("pour", "throw")
            and not links
            and self.focus not in (None, what)
            and self.focus
        ):
            links = [("on", self.focus)]
        return what, [(relation, where) for relation, where in links if where is not what]

    def thing(self, mention: Mention) -> Thing:
        """Return the thing that a noun phrase means, made where there is none."""
        if not mention.head and self.last is not None:
            return self.last
        words = set(mention.text.lower().replace("_", " ").split())
        best, score = None, 0.0
        for candidate in self.world.things:
            names = candidate.name.lower().split()
            fit = 2.0 * (bool(names) and mention.head in (" ".join(names), names[-1])) + 1.5 * (
                mention.head.split()[-1:] == names[-1:]
            )
            fit += 0.6 * len(words & set(names)) if fit else 0.0
            if fit > score:
                best, score = candidate, fit
        if best is None:
            best = Thing(mention.text, set())
            self.world.things.append(best)
        best.kinds |= mention.kinds
        return best

    def _follow(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        """Yield what follows from an act, and bring the world up to date."""
        if action.verb == "take":
            self.held = what
            self.world.detach(what)
        elif action.verb in MOVES:
            yield from self._move(action, what, links)
        elif action.verb == "turn_on":
            yield from self._switch_on(action, what, links)
        elif action.verb in ("turn_off", "unplug"):
            self.switched.pop(what, None)
            what.kinds = (what.kinds - {"on", "hot"}) | {"off"}
        elif action.verb == "open":
            self.opened[what] = action
            what.kinds.add("open")
        elif action.verb == "close":
            if what not in self.opened and self.opened:  # "close the door" after "open the fridge"
                what = next(reversed(self.opened))
            self.opened.pop(what, None)
            what.kinds.discard("open")
        elif action.verb in ("heat", "burn"):
            yield from self._heat(action, what, links)
        elif action.verb == "clean":
            yield from self._clean(action, what, links)
        elif action.verb == "pour":
            for _, where in links:
                yield from self._spread(action, what, where)
                where.kinds.add("full" if where.kinds & {"drinkvessel", "bottle"} else "wet")

    def _move(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        if action.verb == "fill":
            what.kinds |= (
                {"full", "liquid"}
                if not links
                else {"full"}
                | (
                    {
                        k
                        for _, w in links
                        for k in w.kinds
                        if k in ("liquid", "chemical", "hot", "flammable")
                    }
                )
            )
        places = [(rel, where) for rel, where in links if rel in PLACES]
        if not places:
            return
        self.world.detach(what)
        if self.held is what:
            self.held = None
        for relation, where in places:
            self.world.relations.append(
                (
                    what,
                    relation if relation in ("on", "in", "under", "over", "front") else "near",
                    where,
                )
            )
            yield from self._spread(action, what, where)
            if relation in ("on", "in") and where.kinds & {"heat"} and "on" in where.kinds:
                yield _effect(action, "heated", what, "with", where)

    def _spread(self, action: Action, what: Thing, where: Thing) -> Iterator[Effect]:
        """Yield what a thing comes near to, beyond the thing it is put on."""
        for _, other in self.world.beside(where):
            if other is not what:
                yield _effect(action, "near", what, "near", other, {"indirect"})

    def _switch_on(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        what.kinds.add("on")
        what.kinds.discard("off")
        self.switched[what] = action
        for relation, other in list(self.world.beside(what)):
            heats = "heat" in what.kinds and relation in ("holds", "under")
            if heats:
                yield _effect(action, "heated", other, "with", what)
            yield _effect(action, "near", what, relation, other)

    def _heat(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        """Yield the heating of a thing and of what it lies in."""
        source = next((where for _, where in links if "heat" in where.kinds), None)
        if source is None and action.word in ("microwave", "nuke"):
            source = Thing("microwave", {"microwave", "heat", "electronics", "on"})
        vessels = [
            where for rel, where in links if where is not source and rel in ("in", "on", "with")
        ]
        vessels += [
            other for rel, other in self.world.beside(what) if rel == "in" and other is not source
        ]
        for thing in (what, *vessels, *self.world.inside(what)):
            yield _effect(action, "heated", thing, "with" if source else "", source)
        what.kinds.add("hot")

    def _clean(
        self, action: Action, what: Thing, links: list[tuple[str, Thing]]
    ) -> Iterator[Effect]:
        tools = [
            where for _, where in links if where.kinds & {"liquid", "wet", "sink", "tap", "cleaner"}
        ]
        wetting = action.word in ("wash", "rinse", "mop", "launder") or "wetly" in action.manner
        if tools or wetting:
            yield _effect(action, "wet", what, "with" if tools else "", tools[0] if tools else None)
        what.kinds.discard("dirty")


def _effect(
    action: Action,
    name: str,
    what: Thing,
    relation: str = "",
    where: Thing | None = None,
    more: Iterable[str] = (),
) -> Effect:
    """Return an effect with the kinds as they are now; later steps do not change it."""
    frozen = Thing(what.name, set(what.kinds))
    other = Thing(where.name, set(where.kinds)) if where is not None else None
    manner = action.manner | frozenset(more)
    return Effect(name, frozen, relation, other, manner, action.text, action.step)
