"""MegaByte: a large model over patches of bytes and a small one within each patch.

Source: Yu, Simig, Flaherty, Aghajanyan, Zettlemoyer, Lewis 2023, "MEGABYTE: Predicting Million-byte
Sequences with Multiscale Transformers" (arXiv 2305.07185), section 2.1. Its three parts in order:
`_embed` (patch embedder), `_contexts` (global model, its input shifted by one patch) and `_local`
(local model, its input shifted by one byte within the patch). Differences: both models are any
backbone here, and the global model carries a state over calls, so that a stream of any length is
scored; positions are left to the backbones, and to the patch's own projections, which differ by
place; section 2.3.2's cross-patch attention is `cross_patch`: the local model goes on over the
borders of patches, which with a linear backbone costs nothing.

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

PATCH, TAIL, LOCAL = "patch", "tail", "local."
"""Names in the state: the last whole patch `[B, P]`, the bytes seen after it `[B, 0 to P - 1]`, and
what stands before the names of the local model's own state (cross-patch only)."""


class MegaByte(ByteModel):
    """A byte model whose cost a byte is that of the local model and a P-th of the global one.

    Args:
        global_model: Maps patches; its width is G.
        local_model: Maps the bytes of one patch; its width is L.
        patch: P, bytes a patch.
        cross_patch: The local model reads the whole stream, its state carried from patch to patch;
            otherwise each patch begins anew.

    Raises:
        ValueError: G is no multiple of P, or P < 1.
    """

    def __init__(
        self,
        global_model: Backbone,
        local_model: Backbone,
        patch: int = 8,
        *,
        cross_patch: bool = False,
    ) -> None:
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
        self.cross_patch = cross_patch
        self.global_embedding = embedding(width // patch)
        self.global_model = global_model
        speaks = nn.Linear(width, patch * inner)
        # Silent at first: noise as loud as the bytes would hide them from the local model.
        nn.init.zeros_(speaks.weight)
        nn.init.zeros_(speaks.bias)
        self.to_local = nn.Sequential(nn.RMSNorm(width), speaks)
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
        cross_patch: bool = False,
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
            cross_patch: As the constructor.
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
            cross_patch=cross_patch,
        )

    def forward(self, data: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See `ByteModel`; T need not be a multiple of P, nor need the calls before have been."""
        data = checked(data)
        last, tail, inner, local = self._divided(state, len(data), data.device)
        known = torch.cat([tail, data], dim=1)
        patches = self._patches(known)  # [B, N, P], the last filled up
        whole, rest = divmod(known.shape[1], self.patch)
        before = torch.cat([last[:, None], patches[:, :-1]], 1)
        contexts, inner = self._contexts(before, inner, rest)
        logits, local = self._local(before, patches, contexts, local, rest)
        state = {
            **inner,
            **{LOCAL + name: value for name, value in local.items()},
            PATCH: patches[:, whole - 1] if whole else last,
            TAIL: known[:, whole * self.patch :],
        }
        return logits.flatten(1, 2)[:, tail.shape[1] : known.shape[1]], state

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
        last, tail, inner, local = self._divided(state, batch, generator.device)
        written: list[Tensor] = []
        while True:
            context, after = self._contexts(last[:, None], inner, 0)
            logits, local_state = self._begin(last, tail, context, local)
            while tail.shape[1] < self.patch:
                if len(written) == count:
                    kept = {LOCAL + name: value for name, value in (local or {}).items()}
                    state = {**(inner or {}), **kept, PATCH: last, TAIL: tail}
                    return torch.stack(written, dim=1), state
                written.append(draw(logits, temperature, generator))
                tail = torch.cat([tail, written[-1][:, None]], dim=1)
                if tail.shape[1] < self.patch:
                    logits, local_state = self._step(tail, context, local_state)
            last, tail, inner = tail, tail[:, :0], after
            local = local_state if self.cross_patch else None

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
        y, inner = _kept(self.global_model, x, inner, x.shape[1] - (rest > 0))
        return self.to_local(y).unflatten(2, (self.patch, -1)), inner

    def _local(
        self, before: Tensor, patches: Tensor, contexts: Tensor, local: State | None, rest: int
    ) -> tuple[Tensor, State]:
        """Logits of every byte, `[B, N, P, 256]`, and the local state behind the last whole patch.

        Each byte is told from the one before it and its context; `before` and `rest` as above.
        """
        first = self._first(before)
        x = self.local_embedding(torch.cat([first, patches[..., :-1]], -1)) + contexts
        if self.cross_patch:
            whole = self.patch * (x.shape[1] - (rest > 0))
            y, local = _kept(self.local_model, x.flatten(1, 2), local, whole)
        else:
            y, local = self.local_model(x.flatten(0, 1))[0], {}  # [B * N, P, L]
        return self.head(self.norm(y)).view(*patches.shape, BYTES), local

    def _first(self, before: Tensor) -> Tensor:
        """What a patch's first byte is told from: `[..., P]` bytes before it to `[..., 1]`."""
        last = before[..., -1:]
        return last if self.cross_patch else torch.full_like(last, START)

    def _begin(
        self, last: Tensor, tail: Tensor, context: Tensor, local: State | None
    ) -> tuple[Tensor, State]:
        """Logits `[B, 256]` of the byte after `tail`, and the local state; as `_local`."""
        seen = torch.cat([self._first(last), tail], dim=1)
        x = self.local_embedding(seen) + context[:, 0, : seen.shape[1]]
        y, local_state = self.local_model(x, local)
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
    ) -> tuple[Tensor, Tensor, State | None, State | None]:
        """Last whole patch, bytes after it, states of the global and the local model.

        Raises:
            ValueError: The state is of another batch size or another P.
        """
        if state is None:
            last = torch.full((batch, self.patch), START, device=device)
            return last, last[:, :0], None, None
        if state[PATCH].shape != (batch, self.patch):
            raise ValueError(
                f"state[{PATCH!r}] has the shape {tuple(state[PATCH].shape)}, but data and model "
                f"need {(batch, self.patch)}. Expected the state that this model gave for these "
                "rows."
            )
        local = {name.removeprefix(LOCAL): state[name] for name in state if name.startswith(LOCAL)}
        inner = {
            name: value
            for name, value in state.items()
            if name not in (PATCH, TAIL) and not name.startswith(LOCAL)
        }
        return state[PATCH], state[TAIL], inner or None, local or None


def _kept(model: Backbone, x: Tensor, state: State | None, kept: int) -> tuple[Tensor, State]:
    """Outputs for all of `x [B, T, D]`, and the state behind the first `kept` inputs."""
    if kept == x.shape[1]:
        return model(x, state)
    parts = []
    if kept:
        y, state = model(x[:, :kept], state)
        parts.append(y)
    parts.append(model(x[:, kept:], state)[0])
    return torch.cat(parts, dim=1), state or {}
