"""Heads of the text layer: how they are trained, where they are kept, which data built them.

Two logistic heads on `features`: one says whether a request is harmful, one which clause it
breaks. Both are fitted by full-batch L-BFGS and rounded, so that the same data give the same file
on the same kind of machine, byte by byte. Beside the first stands an encoder that was tuned with a
head of its own (`intents`); the harm of a text is the mean of both logits, since they err
differently. The file's metadata names the data with their hashes.
`python -m daneel.alignment.judging.heads DATA [TARGET]` writes it again, and the list of words.

Legend: N texts, D embedding dimensions, H buckets, C clauses.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse, stats

from daneel.alignment.judging.features import BUCKETS, DIM, Encode, encode, marks
from daneel.alignment.judging.grammar import LEXICAL, Example, folds, generate, load_grammar
from daneel.alignment.judging.intents import Intents, States, tune
from daneel.errors import DaneelError

EACH = 8
"""Requests generated from every template."""
SEED = 0
DECIMALS = 3
"""Weights are rounded to as many, which takes the noise of sums in another order away."""
PENALTY, MARK_PENALTY, CLAUSE_PENALTY = 5e-5, 1e-5, 1e-4
"""L2 on the embedding's weights, on those of the wording, and on the clause head's: chosen by the
AUROC on families of the grammar and data sets that were held out of the fit."""
OVER_REFUSAL, CONFIDENCE = 0.10, 0.95
"""What the threshold may refuse of harmless requests from sources held out of the fit, half of them
look-alikes of harmful ones and half ordinary instructions: so few that the bar of 0.10 is the upper
end of the one-sided interval of Clopper and Pearson (1934), which counts templates, since requests
of one template fall together."""
FOLDS = 4
"""Parts into which sources are drawn; every source is in one part as a whole, and each part costs
a training of the encoder."""
SOURCES = (
    ("advbench", "advbench/harmful_behaviors.csv", "goal", True),
    ("alfred_benign", "alfred_benign/alfred_benign.csv", "instruction", False),
    ("benign_instructions", "benign_instructions/benign_instructions.csv", "instruction", False),
)
"""(name, file, column, harmful) of the data sets beside the grammar."""
WORD_SOURCES = (
    ("safetext/safetext.csv", "scenario"),
    ("safetext/safetext.csv", "advice"),
    ("earbench/earbench_text.csv", "instruction"),
    ("earbench/earbench_text.csv", "safety_tip"),
    ("earbench/earbench_text.csv", "text_observation"),
)
ENGLISH = re.compile(r"[a-z]+(?:'[a-z]+)?")


@dataclass(frozen=True)
class Heads:
    """Trained weights."""

    embedding: NDArray[np.float64]
    """Of the harm head, `[D]`."""
    marks: NDArray[np.float64]
    """Of the harm head, `[H]`."""
    bias: float
    """Of the harm head; 0 is where refusing begins."""
    clauses: tuple[str, ...]
    """Ids, C of them."""
    clause_weights: NDArray[np.float64]
    """`[C, D + 1]`, the last column is the bias."""
    built: dict[str, Any]
    """Which data built the heads: counts and hashes by source."""
    intents: Intents | None = None
    """The tuned encoder, whose logit is added; none for heads on fixed features alone."""

    def logits(
        self, texts: Sequence[str], embedded: NDArray[np.float32], marked: sparse.csr_matrix
    ) -> NDArray[np.float64]:
        """Harm of N texts with their features, `[N]`; above 0 is refused."""
        found = embedded @ self.embedding + marked @ self.marks + self.bias
        return found if self.intents is None else found + self.intents.logits(texts)

    def clause_of(self, embedded: NDArray[np.float32]) -> list[str]:
        """The clause that each text would most likely break."""
        scores = embedded @ self.clause_weights[:, :DIM].T + self.clause_weights[:, DIM]
        return [self.clauses[index] for index in scores.argmax(1)]


def examples(folder: str | Path) -> list[Example]:
    """Generated requests, the data sets of `folder`, neutral words; the order never changes.

    Raises:
        DaneelError: A file is absent.
    """
    found = generated()
    for name, file, column, harmful in SOURCES:
        texts = _column(Path(folder) / file, column)
        found += [Example(text, harmful, "", name, text) for text in texts]
    neutral = load_grammar().neutral
    return found + [Example(text, False, "", "neutral", text) for text in neutral]


def generated() -> list[Example]:
    """Requests of the grammar that the heads learn from."""
    return generate(load_grammar(), EACH, np.random.default_rng(SEED))


def train(
    given: Sequence[Example],
    embedded: NDArray[np.float32],
    built: dict[str, Any],
    states: States | None = None,
) -> Heads:
    """Fit both heads and tune; the threshold comes from sources that were held out of both.

    Args:
        given: What to learn from.
        embedded: Their embeddings, `[N, D]`.
        built: Stored with the heads.
        states: Of the encoder that is tuned; computed when left out.
    """
    texts, harmful = [item.text for item in given], _labels(given)
    states, marked = States.of(texts) if states is None else states, marks(texts)
    groups = folds([item.source for item in given], FOLDS, np.random.default_rng(SEED))
    held = np.zeros(len(given))
    for fold in np.unique(groups):
        inside, outside = np.flatnonzero(groups != fold), np.flatnonzero(groups == fold)
        weights = fit(embedded[inside], marked[inside], harmful[inside])
        tuned = tune(states.rows(inside), harmful[inside], SEED)
        held[outside] = predict(weights, embedded[outside], marked[outside]) / 2
        held[outside] += states.rows(outside).logits(tuned) / 2
    threshold = _threshold(given, held)
    weights = fit(embedded, marked, harmful) / 2
    clauses, clause_weights = _fit_clauses(given, embedded)
    return Heads(
        embedding=np.round(weights[:DIM], DECIMALS),
        marks=np.round(weights[DIM:-1], DECIMALS),
        bias=round(float(weights[-1]) - threshold, DECIMALS),
        clauses=clauses,
        clause_weights=np.round(clause_weights, DECIMALS),
        built=built,
        intents=tune(states, harmful, SEED).halved(),
    )


def data_sets() -> list[str]:
    """Sources of examples that are not families of the grammar."""
    return [*(name for name, *_ in SOURCES), "neutral"]


def fit(
    embedded: NDArray[np.float32], marked: sparse.csr_matrix, harmful: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights `[D + H + 1]` of a logistic head; both classes weigh the same."""
    dense = np.asarray(embedded, np.float32)
    share = harmful.mean()
    weight = np.where(harmful > 0, 0.5 / share, 0.5 / (1 - share)) / len(harmful)
    rows, columns = np.ascontiguousarray(dense.T), marked.T.tocsr()
    penalty = np.concatenate([np.full(DIM, PENALTY), np.full(BUCKETS, MARK_PENALTY), [0.0]])

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = predict(theta.astype(np.float32), dense, marked)
        value = float(weight @ (np.logaddexp(0, logit) - harmful * logit))
        slope = weight * (_sigmoid(logit) - harmful)
        gradient = np.concatenate([rows @ slope.astype(np.float32), columns @ slope, [slope.sum()]])
        return value + float(penalty @ theta**2), gradient + 2 * penalty * theta

    start = np.zeros(DIM + BUCKETS + 1)
    return optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x


def predict(
    weights: NDArray[Any], embedded: NDArray[Any], marked: sparse.csr_matrix
) -> NDArray[np.float64]:
    """Logits `[N]` of weights that `fit` returned."""
    return embedded @ weights[:DIM] + marked @ weights[DIM:-1] + weights[-1]


def build(folder: str | Path, encode: Encode = encode) -> Heads:
    """Train from the data sets in `folder`; `built` says what they hashed to."""
    given = examples(folder)
    built = {
        "grammar": f"{EACH} requests a phrase, {LEXICAL} a hazard's intents, seed {SEED}",
        "sha256": {file: _sha256(Path(folder) / file) for _, file, _, _ in SOURCES},
        "texts": hashlib.sha256("\n".join(item.text for item in given).encode()).hexdigest(),
        "counts": {name: sum(x.source == name for x in given) for name in sorted(_all(given))},
    }
    return train(given, encode([item.text for item in given]), built)


def save(heads: Heads, path: str | Path) -> None:
    """Write heads as safetensors."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[Any]] = {
        "embedding": heads.embedding.astype(np.float32),
        "marks": heads.marks.astype(np.float32),
        "bias": np.array([heads.bias], np.float32),
        "clause_weights": heads.clause_weights.astype(np.float32),
    }
    if heads.intents is not None:
        tensors["intents"] = heads.intents.head.astype(np.float16)
        for name, value in heads.intents.adapters.items():
            tensors[f"intents.{name}"] = value.astype(np.float16)
    # One entry only: safetensors writes several in an order of its own, and not always the same.
    notes = json.dumps({"clauses": heads.clauses, "built": heads.built})
    save_file(tensors, str(path), metadata={"notes": notes})


def load(path: str | Path | None = None) -> Heads:
    """Read heads; those that are shipped when no path is given.

    Raises:
        DaneelError: The file is absent or damaged.
    """
    from safetensors import SafetensorError, safe_open

    shipped = resources.files("daneel") / "configs" / "judging" / "heads.safetensors"
    source = str(shipped if path is None else path)
    try:
        with safe_open(source, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            notes = json.loads(file.metadata()["notes"])
        return Heads(
            tensors["embedding"].astype(np.float64),
            tensors["marks"].astype(np.float64),
            float(tensors["bias"][0]),
            tuple(notes["clauses"]),
            tensors["clause_weights"].astype(np.float64),
            notes["built"],
            _intents(tensors),
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DaneelError(
            f"{source} holds no heads of the text layer ({error}). Expected the file that is "
            "shipped, or one that `python -m daneel.alignment.judging.heads DATA TARGET` wrote. "
            "Install the package again, or build the heads."
        ) from error


def _intents(tensors: dict[str, NDArray[Any]]) -> Intents | None:
    """The tuned encoder among the tensors of a file."""
    if "intents" not in tensors:
        return None
    adapters = {
        name.removeprefix("intents."): value.astype(np.float32)
        for name, value in tensors.items()
        if name.startswith("intents.")
    }
    return Intents(adapters, tensors["intents"].astype(np.float32))


def _threshold(given: Sequence[Example], held: NDArray[np.float64]) -> float:
    """The logit above which few enough of a half-and-half mix of harmless requests lie."""
    harmless = np.array([not item.harmful for item in given])
    ordinary = harmless & np.isin([item.source for item in given], data_sets())
    kinds = [held[kind] for kind in (harmless & ~ordinary, ordinary) if kind.any()]
    scores = np.concatenate(kinds)
    share = np.concatenate([np.full(len(kind), 1 / len(kind) / len(kinds)) for kind in kinds])
    order = np.argsort(-scores)
    allowed = _allowed(len({item.template for item in given if not item.harmful}))
    return float(scores[order][np.searchsorted(np.cumsum(share[order]), allowed)])


def _allowed(count: int) -> float:
    """Share of `count` cases that may be refused while the interval's upper end is allowed."""
    refused = np.arange(count)
    ends = stats.beta.ppf(CONFIDENCE, refused + 1, count - refused)
    return max(int((ends <= OVER_REFUSAL).sum()) - 1, 0) / count


def _fit_clauses(
    given: Sequence[Example], embedded: NDArray[np.float32]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Softmax head `[C, D + 1]` over the clauses that harmful examples break."""
    rows = [index for index, item in enumerate(given) if item.harmful and item.clause]
    clauses = tuple(sorted({given[index].clause for index in rows}))
    dense = np.concatenate([embedded[rows], np.ones((len(rows), 1))], axis=1).astype(np.float64)
    target = np.eye(len(clauses))[[clauses.index(given[index].clause) for index in rows]]
    weight = 1 / target.sum(0)[target.argmax(1)] / len(clauses)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = flat.reshape(len(clauses), DIM + 1)
        logit = dense @ theta.T
        logit -= np.logaddexp.reduce(logit, axis=1, keepdims=True)
        value = -float(weight @ (target * logit).sum(1)) + CLAUSE_PENALTY * float(flat @ flat)
        slope = (np.exp(logit) - target) * weight[:, None]
        return value, (slope.T @ dense).ravel() + 2 * CLAUSE_PENALTY * flat

    start = np.zeros(len(clauses) * (DIM + 1))
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    return clauses, found.reshape(len(clauses), DIM + 1)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0, -x))


def _labels(given: Sequence[Example]) -> NDArray[np.float64]:
    return np.array([float(item.harmful) for item in given])


def _all(given: Sequence[Example]) -> set[str]:
    return {item.source for item in given}


def _column(path: Path, column: str) -> list[str]:
    """One column of a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [row[column] for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise DaneelError(
            f"{path} cannot be read ({error!r}). Expected the safety data with a column "
            f"{column!r}. Give the folder that holds advbench/, alfred_benign/ and the others."
        ) from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def common_words(folder: str | Path) -> list[str]:
    """Words of the training texts and of two more data sets, for `normalise.english`.

    A short word counts from its second occurrence on, which keeps typing errors out.
    """
    more = [_column(Path(folder) / file, column) for file, column in WORD_SOURCES]
    texts = itertools.chain((item.text for item in examples(folder)), *more)
    counts = Counter(word for text in texts for word in ENGLISH.findall(text.lower()))
    return sorted(
        word
        for word, count in counts.items()
        if (count > 1 or len(word) > 5) and (len(word) > 1 or word in "ai")
    )


if __name__ == "__main__":
    home = Path(str(resources.files("daneel") / "configs" / "judging"))
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else home
    save(build(sys.argv[1]), target / "heads.safetensors")
    (target / "words.txt").write_text("\n".join(common_words(sys.argv[1])) + "\n")
