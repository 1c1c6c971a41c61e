"""A language model over bytes with any backbone inside: embedding, backbone, norm, logits.

Every byte model here has the same convention: `logits[:, t]` are for the byte `data[:, t]` and
depend on the bytes before it only, the first on nothing but the state. What was seen is carried in
a state, so that a file of any length is scored, and text of any length is written, in the memory of
one chunk.

Legend: B batch, T time in bytes, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.backbones.protocol import Backbone, State
from daneel.backbones.stack import positive

BYTES = 256
START = 256
"""What stands before the first byte."""


class ByteModel(nn.Module):
    """Predicts bytes one after the other."""

    def forward(self, data: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`data [B, T]` to `logits [B, T, 256]` for each of its bytes, and the state after it.

        Args:
            data: Bytes as integers.
            state: What was seen before; None is the beginning.
        """
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, State]:
        """As `forward`, typed."""
        return super().__call__(*args, **kwargs)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        *,
        batch: int = 1,
        state: State | None = None,
        temperature: float = 1.0,
    ) -> tuple[Tensor, State]:
        """Writes `count` bytes after what the state has seen.

        Args:
            count: How many bytes.
            generator: Where the chances come from; on the model's device.
            batch: B when there is no state.
            state: What was seen before; None is the beginning.
            temperature: Divides the logits; 0 takes the likeliest byte.

        Returns:
            The bytes `[B, count]` and the state after them.

        Raises:
            ValueError: `count` is less than 1.
        """
        raise NotImplementedError

    def loss(self, data: Tensor, state: State | None = None) -> Tensor:
        """Bits per byte of `data [B, T]`, a scalar."""
        logits, _ = self(data, state)
        return bits(logits, data).mean()


class ByteLM(ByteModel):
    """Embedding of 256 bytes and the beginning, a backbone, a norm, logits.

    Args:
        backbone: Any core; its `dim` is D.
    """

    def __init__(self, backbone: Backbone) -> None:
        """Makes embedding, norm and head of the backbone's width."""
        super().__init__()
        self.embedding = embedding(backbone.dim)
        self.backbone = backbone
        self.norm = nn.RMSNorm(backbone.dim)
        self.head = nn.Linear(backbone.dim, BYTES, bias=False)

    def forward(self, data: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `ByteModel`; each logit is that of the byte after the one that went in."""
        data = checked(data)
        last, inner = _divided(state, len(data), data.device)
        logits, inner = self._next(torch.cat([last[:, None], data[:, :-1]], dim=1), inner)
        return logits, {**inner, "byte": data[:, -1]}

    @torch.no_grad()
    def sample(
        self,
        count: int,
        generator: torch.Generator,
        *,
        batch: int = 1,
        state: State | None = None,
        temperature: float = 1.0,
    ) -> tuple[Tensor, State]:
        """See `ByteModel`; one step of the backbone a byte."""
        positive(count=count)
        last, inner = _divided(state, batch, generator.device)
        written: list[Tensor] = []
        for _ in range(count):
            logits, inner = self._next(last[:, None], inner)
            last = draw(logits[:, -1], temperature, generator)
            written.append(last)
        return torch.stack(written, dim=1), {**(inner or {}), "byte": last}

    def _next(self, seen: Tensor, inner: State | None) -> tuple[Tensor, State]:
        """Logits of the byte after each of `seen [B, T]`."""
        y, inner = self.backbone(self.embedding(seen), inner)
        return self.head(self.norm(y)), inner


@dataclass(frozen=True)
class Score:
    """How well a model foresaw a text."""

    bytes: int
    """Length of the text."""
    bits: float
    """What the model would need to write it down."""

    @property
    def bits_per_byte(self) -> float:
        """8 for a model that knows nothing."""
        return self.bits / self.bytes


@torch.no_grad()
def score(
    model: ByteModel,
    path: str | Path,
    *,
    chunk: int = 16_384,
    context: int | None = None,
    limit: int | None = None,
) -> Score:
    """Scores a file in the memory of one chunk, the state carried from chunk to chunk.

    Args:
        model: Any byte model; it is put into evaluation mode.
        path: A file of any length and content.
        chunk: Bytes a forward pass.
        context: Forget everything after so many bytes, rounded up to whole chunks: what keeps
            attention, whose state grows, bounded too. None never forgets.
        limit: Read no more than so many bytes.

    Raises:
        ValueError: The file is empty.
    """
    model.eval()
    device = next(model.parameters()).device
    state: State | None = None
    total, count, since = 0.0, 0, 0
    for data in _chunks(Path(path), chunk, limit):
        logits, state = model(data.to(device), state)
        total += bits(logits, data.to(device)).sum(dtype=torch.float64).item()
        count, since = count + data.shape[1], since + data.shape[1]
        if context is not None and since >= context:
            state, since = None, 0
    if not count:
        raise ValueError(f"The file {str(path)!r} is empty. Expected at least one byte to score.")
    return Score(count, total)


def bits(logits: Tensor, data: Tensor) -> Tensor:
    """`[B, T]` bits that each byte of `data` costs under `logits [B, T, 256]`, in float32."""
    nats = F.cross_entropy(logits.float().transpose(1, 2), data.long(), reduction="none")
    return nats / math.log(2)


def draw(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One byte for each row of `logits [B, 256]`, as `[B]` int64."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    shares = torch.softmax(logits.float() / temperature, dim=-1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)


def embedding(dim: int) -> nn.Embedding:
    """An embedding of 256 bytes and of the beginning, small as its sum with others needs it."""
    table = nn.Embedding(BYTES + 1, dim)
    nn.init.normal_(table.weight, std=0.02)
    return table


def checked(data: Tensor) -> Tensor:
    """`data` as int64.

    Raises:
        ValueError: It is not `[B, T]` whole numbers with at least one byte.
    """
    if data.ndim != 2 or 0 in data.shape or data.is_floating_point():
        raise ValueError(
            f"data is {data.dtype} of shape {tuple(data.shape)}. "
            "Expected whole numbers [B, T] with B >= 1 and T >= 1. "
            "Pass for example torch.frombuffer(text, dtype=torch.uint8)[None]."
        )
    return data.long()


def _divided(state: State | None, batch: int, device: torch.device) -> tuple[Tensor, State | None]:
    """The last byte seen, `[B]`, and the backbone's state.

    Raises:
        ValueError: The state is of another batch size.
    """
    if state is None:
        return torch.full((batch,), START, device=device), None
    if len(state["byte"]) != batch:
        raise ValueError(
            f"state has {len(state['byte'])} rows, but data has {batch}. "
            "Expected as many. Pass the state that came with these rows."
        )
    return state["byte"], {name: value for name, value in state.items() if name != "byte"}


def _chunks(path: Path, size: int, limit: int | None) -> Iterator[Tensor]:
    """The bytes of a file as `[1, size]`, the last one shorter."""
    left = math.inf if limit is None else limit
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(int(min(size, left)))):
            left -= len(piece)
            yield torch.frombuffer(bytearray(piece), dtype=torch.uint8)[None]
