"""Networks with a circuit that is known in advance: what a method of this room must find.

`planted_induction` writes the two heads of an induction circuit (Elhage et al. 2021; Olsson et al.
2022, arXiv 2209.11895) into an attention backbone by hand and leaves every other head and MLP
random: a head of the first layer attends to the token before and copies it beside the present one,
a head of the second layer looks for the place whose copied token is the present one, and copies
what stands there. `plant_channel` lets one channel of any backbone write a direction alone.

Legend: B batch, T time, D model width, K head width, V tokens, C width of a token's code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daneel.alignment.interpretability.circuits import Probe
from daneel.alignment.interpretability.sites import Site, channels, heads
from daneel.backbones import Backbone, build
from daneel.backbones.mlp import GatedMLP
from daneel.errors import ConfigError

CODE = 16
"""C: tokens are vectors of as many +1 as -1, which a norm leaves at their length."""
TOKENS = 32
"""V, the first of them stands at the beginning only."""
_HEADS, _WIDTH = 4, 128
_HERE, _BEFORE, _ANSWER, _ALWAYS = 0, CODE, 2 * CODE, 3 * CODE
"""Where the residual stream keeps the token, the one before, the answer, and a constant."""
_LOOK_BACK, _LOOK_FOR, _COPY, _NOISE = 12.0, 4.0, 3.0, 0.04


@dataclass(frozen=True)
class Planted:
    """A model and the truth about it."""

    model: nn.Module
    """Maps tokens `[B, T]` to logits `[B, T, V]`."""
    circuit: tuple[Site, Site]
    """The head that looks back, and the head that completes."""


class TokenNetwork(nn.Module):
    """Embedding, backbone, logits: the least that has a circuit of tokens."""

    def __init__(self, tokens: int, backbone: Backbone) -> None:
        """Makes embedding and head of the backbone's width."""
        super().__init__()
        self.embedding = nn.Embedding(tokens, backbone.dim)
        self.backbone = backbone
        self.head = nn.Linear(backbone.dim, tokens, bias=False)

    def forward(self, data: Tensor) -> Tensor:
        """`[B, T]` tokens to `[B, T, V]` logits of the next one."""
        return self.head(self.backbone(self.embedding(data))[0])


def _linear(model: nn.Module, name: str) -> nn.Linear:
    found = model.get_submodule(name)
    assert isinstance(found, nn.Linear)
    return found


@torch.no_grad()
def planted_induction(seed: int) -> Planted:
    """An induction circuit at random places among random heads."""
    g = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TokenNetwork(TOKENS, build("attention", _WIDTH, 2, heads=_HEADS, mlp=_mlp)).eval()
    for site in heads(model):
        out = _linear(model, site.module)
        out.weight[:, site.begin : site.end] *= _NOISE * (1 + 4 * torch.rand(1, generator=g))
    for layer in range(2):
        mlp = _linear(model, f"backbone.layers.{layer}.mlp.down")
        mlp.weight.mul_(_NOISE)
    codes = _codes(TOKENS, g)
    _write_tokens(model, codes)
    first, second = (int(torch.randint(_HEADS, (1,), generator=g)) for _ in range(2))
    _write_look_back(model, first)
    _write_completion(model, second)
    found = heads(model)
    return Planted(model, (found[first], found[_HEADS + second]))


def induction_probe(rows: int, length: int, generator: torch.Generator) -> Probe:
    """Random tokens, said twice; scored by the margin of the right token the second time."""
    once = torch.stack(
        [torch.randperm(TOKENS - 1, generator=generator)[:length] + 1 for _ in range(rows)]
    )
    data = torch.cat([torch.zeros(rows, 1, dtype=torch.long), once, once], 1)
    target = data[:, length + 2 :]

    def score(logits: Tensor) -> Tensor:
        asked = logits[:, length + 1 : -1]
        right = asked.gather(-1, target[..., None])[..., 0]
        return (right - asked.mean(-1)).mean(-1)

    return Probe((data,), score)


@torch.no_grad()
def plant_channel(backbone: nn.Module, generator: torch.Generator) -> tuple[Site, Tensor]:
    """Lets one random channel of a stack write a random direction `[D]`, and no other part.

    Every other output map, MLP and residual input stays orthogonal to the direction; score what the
    backbone gives along it, for inputs without it.

    Raises:
        ConfigError: no mixer has an output map.
    """
    found = [site for site in channels(backbone) if site.side == "input"]
    if not found:
        raise ConfigError(
            "The backbone has no output map `out` to plant in. Expected any backbone but gru and "
            "identity. Build another."
        )
    site = found[int(torch.randint(len(found), (1,), generator=generator))]
    width = int(getattr(backbone, "dim", 0))
    direction = torch.randn(width, generator=generator)
    direction = (direction - direction.mean()) / (direction - direction.mean()).norm()
    for name, module in backbone.named_modules():
        # Names alone do not tell: the low-rank maps of rwkv have a `down` that ends elsewhere.
        last = name.split(".")[-1]
        if (
            isinstance(module, nn.Linear)
            and last in ("out", "down")
            and len(module.weight) == width
        ):
            module.weight.sub_(direction[:, None] * (direction @ module.weight))
            if module.bias is not None:
                module.bias.sub_(direction * (direction @ module.bias))
    out = backbone.get_submodule(site.module)
    weight = out.weight
    assert isinstance(weight, Tensor)
    weight[:, site.begin] += direction * weight.norm()
    return site, direction


def _mlp(dim: int) -> nn.Module:
    return GatedMLP(dim, 16)


def _codes(count: int, g: torch.Generator) -> Tensor:
    """Balanced +-1 codes `[V, C]`, any two of which agree in at most three quarters."""
    half = torch.cat([torch.ones(CODE // 2), -torch.ones(CODE // 2)])
    kept: list[Tensor] = []
    while len(kept) < count:
        code = half[torch.randperm(CODE, generator=g)]
        if all(abs(float(code @ other)) <= CODE // 2 for other in kept):
            kept.append(code)
    return torch.stack(kept)


def _write_tokens(model: TokenNetwork, codes: Tensor) -> None:
    weight = torch.zeros_like(model.embedding.weight)
    weight[:, _HERE : _HERE + CODE] = codes
    weight[:, _ALWAYS], weight[:, _ALWAYS + 1] = 3.0, -3.0
    model.embedding.weight.copy_(weight)
    model.head.weight.zero_()
    model.head.weight[:, _ANSWER : _ANSWER + CODE] = codes


def _parts(model: TokenNetwork, layer: int, head: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views of a head's query, key, value `[K, D]` and output `[D, K]` weights, set to zero."""
    mixer = model.get_submodule(f"backbone.layers.{layer}.mixer")
    width = _WIDTH // _HEADS
    rows = slice(head * width, (head + 1) * width)
    qkv, out = mixer.get_submodule("qkv").weight, mixer.get_submodule("out").weight
    assert isinstance(qkv, Tensor) and isinstance(out, Tensor)
    q, k, v = (qkv[i * _WIDTH : (i + 1) * _WIDTH][rows] for i in range(3))
    views = (q, k, v, out[:, rows])
    for view in views:
        view.zero_()
    return views


def _write_look_back(model: TokenNetwork, head: int) -> None:
    """Constant query and key, the key turned on by one step: the score is highest one step back."""
    q, k, v, out = _parts(model, 0, head)
    half = len(q) // 2
    fast = torch.arange(half // 2)
    angle = 10_000.0 ** -(fast / half)
    gain = _LOOK_BACK / 3.0
    q[fast, _ALWAYS] = gain
    k[fast, _ALWAYS], k[fast + half, _ALWAYS] = gain * angle.cos(), gain * angle.sin()
    _copy(v, out, _HERE, _BEFORE)


def _write_completion(model: TokenNetwork, head: int) -> None:
    """Query: the token here; key: the one before. In the slow pairs, which hardly turn."""
    q, k, v, out = _parts(model, 1, head)
    half = len(q) // 2
    slow = torch.cat([torch.arange(half // 2, half), torch.arange(half // 2, half) + half])
    q[slow, torch.arange(CODE) + _HERE] = _LOOK_FOR
    k[slow, torch.arange(CODE) + _BEFORE] = _LOOK_FOR
    _copy(v, out, _HERE, _ANSWER)


def _copy(v: Tensor, out: Tensor, source: int, target: int) -> None:
    place = torch.arange(CODE)
    v[place, place + source] = 1.0
    out[place + target, place] = _COPY
