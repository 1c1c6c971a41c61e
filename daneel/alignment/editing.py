"""`GradientPatchEditor`: changes one fact of a byte model by a rank-one patch of one matrix.

ROME (Meng et al. 2022, arXiv 2202.05262), section 3.1: an MLP's second matrix W is read as a memory
of keys and values. The key k is what enters W at the last byte of the subject, the mean over random
beginnings; the value v is found by gradient descent on what W should have given there, so that the
model says the new object; then

    W' = W + (v - W k) (C^-1 k)^T / (k^T C^-1 k),    C = E[k k^T] on real text,

which maps k to v exactly and moves everything else as little as C allows. What differs: bytes for
tokens, a penalty on the length of the change in the place of the paper's KL term, and a ridge on C.
The editor changes what the model SAYS after this subject; nothing is claimed about inference from
the new fact.

Legend: B rows, T bytes, M hidden width, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.backbones import ByteModel
from daneel.errors import ConfigError


@dataclass(frozen=True)
class Edit:
    """What the model shall say."""

    prompt: str
    """Text that names the subject and ends where the object begins."""
    subject: str
    """Part of the prompt."""
    target: str
    """The new object."""

    def __post_init__(self) -> None:
        """Checks that the subject is there.

        Raises:
            ConfigError: a text is empty, or the prompt does not name the subject.
        """
        if not self.subject or not self.target or self.subject not in self.prompt:
            raise ConfigError(
                f"The prompt {self.prompt!r} does not name the subject {self.subject!r}, or the "
                "target is empty. Expected both. Write the subject as the prompt does."
            )


@dataclass(frozen=True)
class Search:
    """How the value is found and the patch is made."""

    steps: int = 60
    """Gradient steps."""
    rate: float = 0.1
    """Of Adam, as a share of the length of the value that stood there."""
    penalty: float = 0.05
    """Of the squared length of the change, as a share of that length."""
    enough: float = 0.02
    """Nats a byte of the target at which the search stops."""
    beginnings: int = 8
    """Random beginnings of real text before the prompt; the first is empty."""
    ridge: float = 0.01
    """Added to the diagonal of C, as a share of its mean."""


@dataclass(frozen=True)
class EditReport:
    """What an edit did, in figures."""

    said: bool
    """Whether the prompt is now completed by the target, byte for byte, greedily."""
    paraphrases: float
    """Share of the paraphrases that are; 1 if none were given."""
    kept: float
    """Share of the other prompts whose completion did not change; 1 if none were given."""
    perplexity: tuple[float, float]
    """Of a byte of the held-out text before and after."""
    change: float
    """Length of the patch over the length of the matrix (Frobenius)."""

    @property
    def perplexity_change(self) -> float:
        """Relative: 0.01 is one per cent worse."""
        return self.perplexity[1] / self.perplexity[0] - 1


class GradientPatchEditor:
    """Edits facts of a byte model, one rank-one patch each.

    Args:
        model: Changed in place; see `undo`.
        module: Name of the linear map to patch, an MLP's second one, such as
            `backbone.layers.1.mlp.down`.
        text: Real text, for C and for the beginnings; some ten thousand bytes.
        search: How.
        seed: Of the beginnings.

    Raises:
        ConfigError: the module is no linear map of the model, or the text is too short.
    """

    def __init__(
        self,
        model: ByteModel,
        module: str,
        text: bytes,
        search: Search | None = None,
        seed: int = 0,
    ) -> None:
        """Measures C on the text."""
        known = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        if module not in known or len(text) < 512:
            raise ConfigError(
                f"module is {module!r} and the text has {len(text)} bytes. Expected 512 bytes or "
                f"more and one of {', '.join(known)}. Pass an MLP's second map."
            )
        self.model, self.linear, self.text = model.eval(), known[module], text
        self.search = search or Search()
        self._generator = torch.Generator().manual_seed(seed)
        self._before: list[Tensor] = []
        self._inverse = self._inverse_covariance()

    def edit(
        self,
        request: Edit,
        *,
        paraphrases: Sequence[str] = (),
        others: Sequence[str] = (),
        held_out: bytes = b"",
    ) -> EditReport:
        """Makes one edit and reports what else it moved.

        Args:
            request: The new fact.
            paraphrases: Other prompts that ask for it; looked at only afterwards.
            others: Prompts whose eight next bytes should stay.
            held_out: Real text for the perplexity; empty takes the first bytes of the editor's.
        """
        text = held_out or self.text[:4096]
        before = perplexity(self.model, text), [complete(self.model, o, 8) for o in others]
        size = float(self.linear.weight.detach().norm())
        patch = self._patch(request)
        self._before.append(self.linear.weight.detach().clone())
        with torch.no_grad():
            self.linear.weight += patch
        says = [self.says(prompt, request.target) for prompt in paraphrases]
        same = [complete(self.model, o, 8) == old for o, old in zip(others, before[1], strict=True)]
        return EditReport(
            said=self.says(request.prompt, request.target),
            paraphrases=sum(says) / len(says) if says else 1.0,
            kept=sum(same) / len(same) if same else 1.0,
            perplexity=(before[0], perplexity(self.model, text)),
            change=float(patch.norm()) / size,
        )

    def undo(self) -> None:
        """Takes the last edit back, bit for bit.

        Raises:
            ConfigError: there is none.
        """
        if not self._before:
            raise ConfigError("There is no edit to undo. Expected one. Call edit first.")
        with torch.no_grad():
            self.linear.weight.copy_(self._before.pop())

    def says(self, prompt: str, target: str) -> bool:
        """Whether the model completes a prompt by the target, byte for byte."""
        return complete(self.model, prompt, len(target.encode())) == target.encode()

    def _patch(self, request: Edit) -> Tensor:
        """`[D, M]`, of rank one."""
        prompts = [begin + request.prompt.encode() for begin in self._beginnings()]
        rows, places, mask = _batch(prompts, request)
        key = self._keys(rows, places).mean(0)
        value = self._value(rows, places, mask)
        with torch.no_grad():
            given = F.linear(key, self.linear.weight)
            direction = (self._inverse @ key.double()).to(key)
            return torch.outer(value - given, direction) / (direction @ key)

    def _value(self, rows: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """What the map should give at the subject, `[D]`, for the model to say the target."""
        index = torch.arange(len(rows))
        with self._seen() as seen, torch.no_grad():
            self.model(rows)
        start = seen["output"][index, places].mean(0)
        length = start.norm().clamp(min=1e-6)
        change = torch.zeros_like(start, requires_grad=True)
        optimiser = torch.optim.Adam([change], self.search.rate * float(length) / len(start) ** 0.5)
        for _ in range(self.search.steps):
            with self._replaced(index, places, start + change):
                logits, _ = self.model(rows)
            nats = F.cross_entropy(logits.transpose(1, 2), rows, reduction="none")
            loss = (nats * mask).sum() / mask.sum()
            if float(loss.detach()) < self.search.enough:
                break
            total = loss + self.search.penalty * (change.norm() / length).square()
            (change.grad,) = torch.autograd.grad(total, change)
            optimiser.step()
        return (start + change).detach()

    @torch.no_grad()
    def _keys(self, rows: Tensor, places: Tensor) -> Tensor:
        with self._seen() as seen:
            self.model(rows)
        return seen["input"][torch.arange(len(rows)), places]

    @torch.no_grad()
    def _inverse_covariance(self) -> Tensor:
        """C^-1 `[M, M]` in float64, over the text in rows of 256 bytes."""
        width = self.linear.in_features
        total, count = torch.zeros(width, width, dtype=torch.float64), 0
        for rows in _rows(self.text, 256).split(16):
            with self._seen() as seen:
                self.model(rows)
            keys = seen["input"].flatten(0, 1).double()
            total, count = total + keys.T @ keys, count + len(keys)
        total /= count
        total += self.search.ridge * total.diagonal().mean() * torch.eye(width)
        return torch.linalg.inv(total)

    def _beginnings(self) -> list[bytes]:
        """Pieces of the text, the first empty, each ending with a line."""
        found = [b""]
        for _ in range(self.search.beginnings - 1):
            size = int(torch.randint(4, 24, (1,), generator=self._generator))
            at = int(torch.randint(len(self.text) - size, (1,), generator=self._generator))
            found.append(self.text[at : at + size].replace(b"\n", b" ") + b".\n")
        return found

    @contextmanager
    def _seen(self) -> Iterator[dict[str, Tensor]]:
        """Keeps what enters and leaves the map in the last run."""
        kept: dict[str, Tensor] = {}

        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kept.update(input=inputs[0].detach(), output=output.detach())

        handle = self.linear.register_forward_hook(keep)
        try:
            yield kept
        finally:
            handle.remove()

    @contextmanager
    def _replaced(self, index: Tensor, places: Tensor, value: Tensor) -> Iterator[None]:
        """The map gives `value [D]` at one place of each row."""

        def replace(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
            changed = output.clone()
            changed[index, places] = value
            return changed

        handle = self.linear.register_forward_hook(replace)
        try:
            yield
        finally:
            handle.remove()


@torch.no_grad()
def perplexity(model: ByteModel, text: bytes) -> float:
    """Of one byte of the text, read in rows of 256 bytes."""
    rows = _rows(text, min(256, len(text)))
    nats = sum(float(model.loss(part)) * len(part) for part in rows.split(16))
    return math.exp(nats / len(rows) * math.log(2))


@torch.no_grad()
def complete(model: ByteModel, prompt: str, count: int) -> bytes:
    """The `count` likeliest bytes after a prompt, one after the other."""
    _, state = model(_row(prompt.encode()))
    generator = torch.Generator()
    written, _ = model.sample(count, generator, state=state, temperature=0)
    return bytes(written[0].tolist())


def _batch(prompts: Sequence[bytes], request: Edit) -> tuple[Tensor, Tensor, Tensor]:
    """Prompts with the target, padded behind: bytes `[B, T]`, places `[B]`, target mask `[B, T]`.

    A byte enters a byte model one step after its own, so the place is one behind the subject's end.
    """
    target, subject = request.target.encode(), request.subject.encode()
    width = max(map(len, prompts)) + len(target)
    rows = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width)
    places = []
    for i, prompt in enumerate(prompts):
        whole = prompt + target
        rows[i, : len(whole)] = _row(whole)[0]
        mask[i, len(prompt) : len(whole)] = 1
        places.append(prompt.rindex(subject) + len(subject))
    return rows, torch.tensor(places), mask


def _rows(text: bytes, width: int) -> Tensor:
    usable = len(text) // width * width
    return _row(text[:usable]).reshape(-1, width)


def _row(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).long()[None]
