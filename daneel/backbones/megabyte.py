"""MegaByte: a large model over patches of bytes and a small one within each patch.

Source: Yu, Simig, Flaherty, Aghajanyan, Zettlemoyer, Lewis 2023, "MEGABYTE: Predicting Million-byte
Sequences with Multiscale Transformers" (arXiv 2305.07185), section 2.1. Its three parts in order:
`_embed` (patch embedder), `_contexts` (global model, its input shifted by one patch) and `_local`
(local model, its input shifted by one byte within the patch). Differences: both models are any
backbone here, and the global model carries a state over calls, so that a stream of any length is
scored; positions are left to the backbones, and to the patch's own projections, which differ by
place.

Legend: B batch, T time in bytes, P bytes a patch, N patches, G global width, L local width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from daneel import backbones
from daneel.backbones.byte_lm import BYTES, START, ByteModel, checked, draw, embedding
from daneel.backbones.protocol import Backbone, State
from daneel.backbones.stack import positive

PATCH, TAIL = "patch", "tail"
"""Names in the state: the last whole patch `[B, P]`, the bytes seen after it `[B, 0 to P - 1]`."""


class MegaByte(ByteModel):
    """A byte model whose cost a byte is that of the local model and a P-th of the global one.

    Args:
        global_model: Maps patches; its width is G.
        local_model: Maps the bytes of one patch; its width is L. It never sees another patch.
        patch: P, bytes a patch.

    Raises:
        ValueError: G is no multiple of P, or P < 1.
    """

    def __init__(self, global_model: Backbone, local_model: Backbone, patch: int = 8) -> None:
        """Makes embedders, projections and head."""
        super().__init__()
        width, inner = global_model.dim, local_model.dim
        if patch < 1 or width % patch:
            raise ValueError(
                f"patch is {patch} and the global model has the width {width}. Expected patch >= 1 "
                "that divides the width: each byte of a patch gets an equal share of it. "
                "Pass patch=4 or 8 and a width that is a multiple of it."
            )
        self.patch = patch
        self.global_embedding = embedding(width // patch)
        self.global_model = global_model
        self.to_local = nn.Sequential(nn.RMSNorm(width), nn.Linear(width, patch * inner))
        self.local_embedding = embedding(inner)
        self.local_model = local_model
        self.norm = nn.RMSNorm(inner)
        self.head = nn.Linear(inner, BYTES, bias=False)

    @classmethod
    def of(
        cls,
        name: str = "attention",
        local: str = "attention",
        *,
        patch: int = 8,
        dims: tuple[int, int] = (256, 128),
        depths: tuple[int, int] = (4, 2),
        options: Mapping[str, Any] | None = None,
        local_options: Mapping[str, Any] | None = None,
    ) -> MegaByte:
        """Builds both models by name.

        Args:
            name: Backbone of the global model.
            local: Backbone of the local model.
            patch: P.
            dims: G and L.
            depths: Layers of each.
            options: Further options of the global backbone.
            local_options: Further options of the local one.

        Raises:
            UnknownNameError: No backbone has one of the names.
            ValueError: As the constructor.
        """
        return cls(
            backbones.build(name, dims[0], depths[0], **(options or {})),
            backbones.build(local, dims[1], depths[1], **(local_options or {})),
            patch,
        )

    def forward(self, data: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `ByteModel`; T need not be a multiple of P, nor need the calls before have been."""
        data = checked(data)
        last, tail, inner = self._divided(state, len(data), data.device)
        known = torch.cat([tail, data], dim=1)
        patches = self._patches(known)  # [B, N, P], the last filled up
        whole, rest = divmod(known.shape[1], self.patch)
        contexts, inner = self._contexts(
            torch.cat([last[:, None], patches[:, :-1]], 1), inner, rest
        )
        logits = self._local(patches, contexts).flatten(1, 2)  # [B, N * P, 256]
        state = {
            **inner,
            PATCH: patches[:, whole - 1] if whole else last,
            TAIL: known[:, whole * self.patch :],
        }
        return logits[:, tail.shape[1] : known.shape[1]], state

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
        """See `ByteModel`; one step of the global model a patch, one of the local one a byte."""
        positive(count=count)
        last, tail, inner = self._divided(state, batch, generator.device)
        written: list[Tensor] = []
        while True:
            context, after = self._contexts(last[:, None], inner, 0)
            logits, local_state = self._begin(tail, context)
            while tail.shape[1] < self.patch:
                if len(written) == count:
                    state = {**(inner or {}), PATCH: last, TAIL: tail}
                    return torch.stack(written, dim=1), state
                written.append(draw(logits, temperature, generator))
                tail = torch.cat([tail, written[-1][:, None]], dim=1)
                if tail.shape[1] < self.patch:
                    logits, local_state = self._step(tail, context, local_state)
            last, tail, inner = tail, tail[:, :0], after

    def _embed(self, patches: Tensor) -> Tensor:
        """Patch embedder: `[B, N, P]` bytes to `[B, N, G]`, the bytes' embeddings side by side."""
        return self.global_embedding(patches).flatten(2)

    def _contexts(self, before: Tensor, inner: State | None, rest: int) -> tuple[Tensor, State]:
        """What the global model says to each byte, `[B, N, P, L]`, and its state.

        Args:
            before: For each patch the one before it, `[B, N, P]`: the shift that keeps a patch
                from seeing itself.
            inner: State of the global model.
            rest: When not 0 the last patch is not complete: it will come again, so the state
                returned is the one before it.
        """
        x = self._embed(before)
        kept = x.shape[1] - (rest > 0)
        parts = []
        if kept:
            y, inner = self.global_model(x[:, :kept], inner)
            parts.append(y)
        if rest:
            parts.append(self.global_model(x[:, kept:], inner)[0])
        return self.to_local(torch.cat(parts, dim=1)).unflatten(2, (self.patch, -1)), inner or {}

    def _local(self, patches: Tensor, contexts: Tensor) -> Tensor:
        """Logits of every byte, `[B, N, P, 256]`, from its context and the patch before it."""
        seen = torch.cat([torch.full_like(patches[..., :1], START), patches[..., :-1]], dim=-1)
        x = (self.local_embedding(seen) + contexts).flatten(0, 1)  # [B * N, P, L]
        y, _ = self.local_model(x)
        return self.head(self.norm(y)).unflatten(0, patches.shape[:2])

    def _begin(self, tail: Tensor, context: Tensor) -> tuple[Tensor, State]:
        """Logits `[B, 256]` of the byte after `tail`, and the local state; as `_local`."""
        start = torch.full((len(tail), 1), START, device=tail.device)
        seen = torch.cat([start, tail], dim=1)
        x = self.local_embedding(seen) + context[:, 0, : seen.shape[1]]
        y, local_state = self.local_model(x)
        return self.head(self.norm(y[:, -1])), local_state

    def _step(self, tail: Tensor, context: Tensor, local: State) -> tuple[Tensor, State]:
        """Logits after one more byte."""
        at = tail.shape[1]
        x = self.local_embedding(tail[:, -1:]) + context[:, 0, at : at + 1]
        y, local = self.local_model(x, local)
        return self.head(self.norm(y[:, -1])), local

    def _patches(self, known: Tensor) -> Tensor:
        """`[B, T]` as `[B, N, P]`; what fills the last patch up is never looked at."""
        missing = -known.shape[1] % self.patch
        filled = nn.functional.pad(known, (0, missing), value=START)
        return filled.unflatten(1, (-1, self.patch))

    def _divided(
        self, state: State | None, batch: int, device: torch.device
    ) -> tuple[Tensor, Tensor, State | None]:
        """Last whole patch, bytes after it, state of the global model.

        Raises:
            ValueError: The state is of another batch size or another P.
        """
        if state is None:
            last = torch.full((batch, self.patch), START, device=device)
            return last, last[:, :0], None
        if state[PATCH].shape != (batch, self.patch):
            raise ValueError(
                f"state[{PATCH!r}] has the shape {tuple(state[PATCH].shape)}, but data and model "
                f"need {(batch, self.patch)}. Expected the state that this model gave for these "
                "rows."
            )
        inner = {name: value for name, value in state.items() if name not in (PATCH, TAIL)}
        return state[PATCH], state[TAIL], inner or None
