"""Places in a network that can be read and written: a module's input or output, or a part of it.

A `Site` is found by name, so it works on any torch module. `heads` and `channels` list the ones
that matter in our backbones: what a mixer hands to its output map `out`, cut into heads or single
channels; `parts` lists the mixers and MLPs whole.

Legend: B batch, T time, D width of the activation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from daneel.errors import unknown_name

Edit = Callable[[Tensor], Tensor]
"""What is put in the place of an activation `[..., D]`, from that activation."""


@dataclass(frozen=True)
class Site:
    """A place in a network; hashable, so that it can name an activation."""

    module: str
    """Name of the module, as `named_modules` gives it."""
    side: Literal["input", "output"] = "output"
    """Whether its first input or its (first) output."""
    begin: int = 0
    """First channel of the last axis."""
    end: int | None = None
    """Channel after the last one; None is all the rest."""

    def __str__(self) -> str:
        """As reports name it: `layers.0.mixer.out input 16:32`."""
        whole = self.begin == 0 and self.end is None
        channels = "" if whole else f" {self.begin}:{'' if self.end is None else self.end}"
        return f"{self.module} {self.side}{channels}"

    def read(self, whole: Tensor) -> Tensor:
        """The part of a module's activation that this site is."""
        return whole[..., self.begin : self.end]

    def write(self, whole: Tensor, part: Tensor) -> Tensor:
        """A copy of the activation with this site's part replaced."""
        changed = whole.clone()
        changed[..., self.begin : self.end] = part
        return changed


def heads(model: nn.Module) -> list[Site]:
    """Every head of every mixer that has `heads` and an output map `out`, first to last."""
    found = []
    for name, module in model.named_modules():
        count, out = getattr(module, "heads", None), getattr(module, "out", None)
        if isinstance(count, int) and isinstance(out, nn.Linear):
            width = out.in_features // count
            path = f"{name}.out" if name else "out"
            found += [Site(path, "input", i * width, (i + 1) * width) for i in range(count)]
    return found


def channels(model: nn.Module) -> list[Site]:
    """Every channel that a mixer hands to its output map; of a GRU, every channel of its output."""
    found = []
    for name, module in model.named_modules():
        path = f"{name}." if name else ""
        out = getattr(module, "out", None)
        if isinstance(out, nn.Linear):
            found += [Site(f"{path}out", "input", i, i + 1) for i in range(out.in_features)]
        elif isinstance(cell := getattr(module, "cell", None), nn.GRU):
            found += [Site(name, "output", i, i + 1) for i in range(cell.hidden_size)]
    return found


def parts(model: nn.Module) -> list[Site]:
    """The output of every mixer and every MLP: the terms that a residual stream adds up."""
    last = ("mixer", "mlp", "time", "channel")
    return [Site(name) for name, _ in model.named_modules() if name.split(".")[-1] in last]


@contextmanager
def edited(model: nn.Module, edits: Mapping[Site, Edit]) -> Iterator[None]:
    """While it lasts, each site's activation is what its edit makes of it.

    Several sites of one module are edited in the order given. Hooks are taken off at the end,
    whatever happens.

    Raises:
        UnknownNameError: the model has no module of a site's name.
    """
    modules = dict(model.named_modules())
    with ExitStack() as stack:
        for site, edit in edits.items():
            if site.module not in modules:
                raise unknown_name("module", site.module, modules, "List them with named_modules.")
            stack.callback(_attach(modules[site.module], site, edit).remove)
        yield


@contextmanager
def recorded(model: nn.Module, sites: list[Site]) -> Iterator[dict[Site, Tensor]]:
    """While it lasts, the last activation of each site is kept in the mapping it gives."""
    kept: dict[Site, Tensor] = {}

    def keep(site: Site) -> Edit:
        def edit(part: Tensor) -> Tensor:
            kept[site] = part.detach().clone()
            return part

        return edit

    with edited(model, {site: keep(site) for site in sites}):
        yield kept


def _attach(module: nn.Module, site: Site, edit: Edit) -> Any:
    def changed(value: Any) -> Any:
        first = value[0] if isinstance(value, tuple) else value
        first = site.write(first, edit(site.read(first)))
        return (first, *value[1:]) if isinstance(value, tuple) else first

    if site.side == "input":
        return module.register_forward_pre_hook(lambda _, inputs: changed(inputs))
    return module.register_forward_hook(lambda _, inputs, output: changed(output))
