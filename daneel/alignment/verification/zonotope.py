"""Zonotopes: every node as an affine form in shared noise symbols, in one pass forward.

Stolfi and de Figueiredo 1997 (affine arithmetic); Singh et al. 2018, "Fast and effective robustness
certification", for networks. A node is centre + generators^T e + s with e in [-1, 1]^g shared by
all nodes and |s| <= slack, what rounding adds. One pass costs about what ONE backward pass costs,
and bounds every node; CROWN's backward pass for the property alone stands on it.

Legend: N boxes, n units, g symbols (the first D are the inputs); generators `[N, g, n]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification import functions
from daneel.alignment.verification.crown import Relaxation, backward, relax
from daneel.alignment.verification.graph import (
    Affine,
    Apply,
    Concat,
    Gather,
    Graph,
    Node,
    Product,
    Sum,
)
from daneel.alignment.verification.intervals import (
    Interval,
    function_of,
    propagate,
    require_finite,
    slack,
    sum_of,
)

MOST_SYMBOLS = 768
"""Beyond this many symbols, new errors go into the slack: sound, a little wider."""


@dataclass(frozen=True)
class Form:
    """One node's affine form."""

    centre: Tensor
    """`[N, n]`."""
    generators: Tensor
    """`[N, g, n]`."""
    slack: Tensor
    """`[N, n]`, not negative."""

    def interval(self) -> Interval:
        """Its bounds, rounded outward."""
        eps = torch.finfo(self.centre.dtype).eps
        radius = self.generators.abs().sum(1) + self.slack
        share = (self.generators.shape[1] + 8) * eps
        radius = radius + share * (radius + self.centre.abs())
        return Interval(self.centre - radius, self.centre + radius)


def input_form(box: Interval) -> Form:
    """One symbol for each input."""
    centre = (box.low + box.high) / 2
    radius = torch.maximum(box.high - centre, centre - box.low)
    eps = torch.finfo(centre.dtype).eps
    return Form(centre, torch.diag_embed(radius * (1 + 2 * eps)), torch.zeros_like(centre))


def zonotope_bounds(
    graph: Graph,
    box: Interval,
    previous: Sequence[Interval | None] | None = None,
    refined: int = 0,
) -> tuple[list[Interval], dict[int, Relaxation], list[Form]]:
    """Bounds of every node, CROWN's lines for each function, and the forms.

    Args:
        graph: The network in the engine's precision.
        box: The boxes.
        previous: Bounds that are known to hold (of a box around), None where nothing is known.
        refined: At most this many units of a node are bounded again by a backward pass.
    """
    read = {node.sources[0] for node in graph.nodes if isinstance(node, Apply)} - {0}
    bounds, forms = [box], [input_form(box)]
    relaxations: dict[int, Relaxation] = {}
    for index, node in enumerate(graph.nodes[1:], start=1):
        sources = [bounds[source] for source in node.sources]
        parts = [forms[source] for source in node.sources]
        if isinstance(node, Apply | Product):  # new symbols must be new to every branch
            parts = [_padded(part, max(_symbols(form) for form in forms)) for part in parts]
        form = _form(graph, node, parts, sources)
        found = form.interval()
        if not isinstance(node, Affine):  # the form of a sum of many terms is the tighter one
            found = found.meet(propagate(graph, node, sources))
        if previous is not None and (known := previous[index]) is not None:
            found = found.meet(known)
        require_finite(found, f"Layer {index}")
        if refined > 0 and index in read:
            found = refine(graph, index, found, bounds, relaxations, refined)
        if isinstance(node, Apply):
            relaxations[index] = relax(node, sources)
        bounds.append(found)
        forms.append(form)
    return bounds, relaxations, forms


def refine(
    graph: Graph,
    index: int,
    found: Interval,
    bounds: Sequence[Interval],
    relaxations: dict[int, Relaxation],
    most: int,
) -> Interval:
    """A backward pass for the units of node `index` whose relaxation will be widest.

    Lines of different slopes below and above are tighter than a band, most of all in late layers;
    for a stable ReLU nothing is to be won.
    """
    readers = [node for node in graph.nodes if isinstance(node, Apply) and index in node.sources]
    if all(node.function is functions.RELU for node in readers):
        width = torch.minimum(-found.low, found.high).clamp(min=0)
    else:
        width = found.high - found.low
    many = min(int((width > 0).sum(1).max()), most)
    if many == 0:
        return found
    units = width.topk(many, dim=1).indices  # [N, k]
    rows = torch.nn.functional.one_hot(units, found.low.shape[1]).to(found.low.dtype)
    planes = backward(graph, index, torch.cat([rows, -rows], 1), bounds, relaxations)
    least, negated = planes.least(bounds[0]).chunk(2, 1)
    again = Interval(found.low.scatter(1, units, least), found.high.scatter(1, units, -negated))
    return found.meet(again)


def _form(graph: Graph, node: Node, forms: Sequence[Form], sources: Sequence[Interval]) -> Form:
    first = forms[0]
    room = slack(graph, node, sources)
    match node:
        case Affine():
            assert room is not None
            return Form(
                first.centre @ node.weight.T + node.bias,
                first.generators @ node.weight.T,
                (first.slack @ node.magnitude.T) * 1.001 + room,
            )
        case Gather():
            return Form(
                first.centre[:, node.index],
                first.generators[:, :, node.index],
                first.slack[:, node.index],
            )
        case Sum():
            assert room is not None
            forms = _aligned(forms)
            return Form(
                sum_of([form.centre for form in forms]),
                sum_of([form.generators for form in forms]),
                sum_of([form.slack for form in forms]) * 1.001 + room,
            )
        case Concat():
            forms = _aligned(forms)
            return Form(
                torch.cat([form.centre for form in forms], 1),
                torch.cat([form.generators for form in forms], 2),
                torch.cat([form.slack for form in forms], 1),
            )
        case Apply():
            return _apply(node, first, sources)
        case Product():
            assert room is not None
            return _product(forms, sources, room)
    raise AssertionError(node)


def _symbols(form: Form) -> int:
    return form.generators.shape[1]


def _padded(form: Form, symbols: int) -> Form:
    if _symbols(form) == symbols:
        return form
    missing = symbols - _symbols(form)
    wider = torch.nn.functional.pad(form.generators, (0, 0, 0, missing))
    return Form(form.centre, wider, form.slack)


def _aligned(forms: Sequence[Form]) -> list[Form]:
    most = max(_symbols(form) for form in forms)
    return [_padded(form, most) for form in forms]


def _apply(node: Apply, form: Form, sources: Sequence[Interval]) -> Form:
    source = sources[0]
    slope, centre, radius = functions.band(function_of(node, sources), source.low, source.high)
    numbers = torch.finfo(slope.dtype)
    room = 8 * numbers.eps * (slope.abs() * source.magnitude + centre.abs() + radius) + numbers.tiny
    moved = Form(
        slope * form.centre + centre,
        slope[:, None] * form.generators,
        slope.abs() * form.slack * 1.001 + room,
    )
    return _with_errors(moved, radius)


def _product(forms: Sequence[Form], sources: Sequence[Interval], room: Tensor) -> Form:
    """X y = my x + mx y - mx my within +- rx ry, about the middles of the intervals."""
    (mx, rx), (my, ry) = (((s.low + s.high) / 2, (s.high - s.low) / 2 * 1.001) for s in sources)
    left, right = forms
    moved = Form(
        my * left.centre + mx * right.centre - mx * my,
        my[:, None] * left.generators + mx[:, None] * right.generators,
        (my.abs() * left.slack + mx.abs() * right.slack) * 1.001 + 8 * room,
    )
    return _with_errors(moved, rx * ry)


def _with_errors(form: Form, radius: Tensor) -> Form:
    """New symbols for the relaxation errors `radius [N, n]`: as many as the worst box needs.

    Unit j of box b takes the next free symbol of its own box, so stable units cost nothing.
    """
    most = int((radius > 0).sum(1).max())
    if most == 0:
        return form
    if form.generators.shape[1] + most > MOST_SYMBOLS:
        return Form(form.centre, form.generators, form.slack + radius)
    errors, units = radius.topk(most, dim=1)  # [N, k]
    fresh = radius.new_zeros(len(radius), most, radius.shape[1])
    fresh.scatter_(2, units[:, :, None], errors[:, :, None])
    return Form(form.centre, torch.cat([form.generators, fresh], 1), form.slack)
