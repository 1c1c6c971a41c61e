"""Write `daneel/alignment/judging/data/nouns.txt.gz` from WordNet 3.0 (Fellbaum 1998).

Each line is `noun<TAB>kind kind ...`. A noun gets the kinds of every root it descends from, by its
first sense that is a thing (not an act, a measure or a group). Needs the files `data.noun` and
`index.noun`, as in Debian's package wordnet-base:

    python benchmarks/noun_kinds.py /usr/share/wordnet
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

OUT = Path(__file__).parents[1] / "daneel/alignment/judging/data/nouns.txt.gz"
THINGS = {3, 5, 6, 8, 13, 17, 18, 20, 27}
"""Lexicographer files: tops, animal, artifact, body, food, object, person, plant, substance."""
PERSON = 18

ROOTS = {
    "person": "person",
    "child": "person child",
    "animal": "animal",
    "big_cat": "beast",
    "bear": "beast",
    "wolf": "beast",
    "snake": "beast",
    "ape": "beast",
    "food": "food",
    "produce": "food readyfood",
    "nutriment": "food",
    "meat": "food meat",
    "seafood": "food meat",
    "beverage": "food liquid drinkable",
    "alcohol": "alcoholic liquid flammable",
    "electronic_equipment": "electronics fragile",
    "computer": "electronics fragile valuable",
    "home_appliance": "electronics",
    "electrical_device": "electronics",
    "electronic_device": "electronics",
    "power_tool": "electronics sharp machine",
    "machine": "machine",
    "heater": "heat electronics",
    "stove": "heat",
    "burner": "heat flame",
    "furnace": "heat",
    "edge_tool": "sharp knife",
    "weapon": "weapon",
    "gun": "weapon",
    "explosive": "explosive",
    "cleansing_agent": "chemical cleaner",
    "acid": "chemical reactive",
    "solvent": "chemical flammable liquid",
    "poison": "chemical",
    "pesticide": "chemical",
    "fuel": "flammable",
    "paint": "chemical liquid",
    "adhesive_material": "chemical",
    "drug": "medicine",
    "fabric": "flammable fabric",
    "clothing": "flammable fabric notfood",
    "bedclothes": "flammable fabric soft",
    "paper": "flammable paper notfood",
    "publication": "flammable paper notfood",
    "glassware": "fragile",
    "crockery": "fragile",
    "ceramic_ware": "fragile",
    "toy": "notfood",
    "jewelry": "valuable metal",
    "vehicle": "vehicle",
    "musical_instrument": "fragile valuable",
    "optical_instrument": "fragile",
    "plant": "plant",
    "explosive_device": "explosive weapon",
    "coin": "smallpart metal",
    "cutlery": "metal sharp",
    "metallic_element": "metal",
    "alloy": "metal",
    "furniture": "heavy",
    "bag": "notfood",
    "plastic": "plastic flammable",
    "rodent": "animal",
    "footwear": "notfood fabric flammable",
    "work_of_art": "art fragile",
    "cookware": "",
    "pan": "metal",
    "knife": "metal",
    "curtain": "flammable fabric",
    "petroleum": "flammable liquid",
}


def main(folder: Path) -> None:
    """Write the file and say how many nouns it holds."""
    synsets = dict(_synsets(folder / "data.noun"))
    roots = {word: _first(folder, synsets).get(word, "") for word in ROOTS}
    kinds_of = {root: ROOTS[word].split() for word, root in roots.items() if root}
    rows = []
    for noun, synset in sorted(_first(folder, synsets).items()):
        kinds = sorted({kind for up in _above(synset, synsets) for kind in kinds_of.get(up, ())})
        if "person" in kinds and _ambiguous(noun, folder, synsets):
            continue  # "counter", "slicer", "opener": nobody means the person
        if kinds and noun.replace("_", "").isalpha() and noun.count("_") < 2:
            rows.append(f"{noun.replace('_', ' ')}\t{' '.join(kinds)}\n")
    with gzip.GzipFile(OUT, "wb", mtime=0) as file:  # the same bytes every time
        file.write("".join(rows).encode())
    print(f"{len(rows)} nouns, {OUT.stat().st_size} bytes")


def _ambiguous(noun: str, folder: Path, synsets: dict[str, tuple[int, list[str]]]) -> bool:
    """Whether a noun also names something that is no person."""
    return any(synsets[sense][0] != PERSON for sense in _index(folder)[noun])


def _synsets(path: Path) -> Iterator[tuple[str, tuple[int, list[str]]]]:
    """Yield each synset's offset with its lexicographer file and its hypernyms."""
    for line in path.read_text().splitlines():
        if line.startswith("  "):
            continue
        fields = line.split("|")[0].split()
        words = int(fields[3], 16)
        at = 4 + 2 * words
        pointers = [fields[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(fields[at]))]
        yield fields[0], (int(fields[1]), [p[1] for p in pointers if p[0] in ("@", "@i")])


def _first(folder: Path, synsets: dict[str, tuple[int, list[str]]]) -> dict[str, str]:
    """Return the first sense of each noun that is a thing."""
    found = {}
    for noun, senses in _index(folder).items():
        things = [sense for sense in senses[:3] if synsets[sense][0] in THINGS]
        if things:
            found[noun] = things[0]
    return found


@cache
def _index(folder: Path) -> dict[str, list[str]]:
    """Return the senses of every noun, the most frequent first."""
    found = {}
    for line in (folder / "index.noun").read_text().splitlines():
        if not line.startswith("  "):
            fields = line.split()
            found[fields[0]] = fields[4 + int(fields[3]) + 2 :]
    return found


def _above(synset: str, synsets: dict[str, tuple[int, list[str]]]) -> set[str]:
    """Return a synset and everything it is a kind of."""
    seen, left = set(), [synset]
    while left:
        here = left.pop()
        if here not in seen:
            seen.add(here)
            left += synsets[here][1]
    return seen


if __name__ == "__main__":
    main(Path(sys.argv[1]))
