"""Which calls go to other packages' kernels, and with which arguments.

No kernel runs here: the device is renamed to the CPU, and references stand in for the functions.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones import kernels, ops
from daneel.backbones.ops import peers
from tests.backbones.ops.cases import CASES
from tests.backbones.ops.matching import Case, normal

SHAPE = (2, 40, 2, 16, 16)
NAMES = {"retention": "retention", "gla": "gla", "gated_delta_rule": "delta", "wkv7": "wkv7"}
NAMES |= {"ssd": "ssd"}
"""The case of each operator."""


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "DEVICE", "cpu")


def stand_in(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> list[str]:
    """Takes the place of every peer; the list fills with the operators that were asked for."""
    asked: list[str] = []

    def load(operator: str) -> Callable[..., Any]:
        asked.append(operator)
        return function

    monkeypatch.setattr(peers, "load", load)
    return asked


def half(operator: str) -> Case:
    """A call that the peer takes."""
    return CASES[NAMES[operator]](SHAPE).to(torch.bfloat16)


def chunk_simple_gla(q, k, v, g=None, g_gamma=None, scale=None, initial_state=None,
                     output_final_state=False):  # fmt: skip
    """`fla.ops.simple_gla.chunk_simple_gla`, by our loop."""
    assert output_final_state and (g is None) != (g_gamma is None)
    return ops.retention_naive(q, k, v, g if g_gamma is None else g_gamma, initial_state, scale)


def chunk_gla(q, k, v, g, scale=None, initial_state=None, output_final_state=False):
    """`fla.ops.gla.chunk_gla`, by our loop."""
    assert output_final_state
    return ops.gla_naive(q, k, v, g, initial_state, scale)


def chunk_rwkv7(r, w, k, v, a, b, scale=1.0, initial_state=None, output_final_state=False):
    """`fla.ops.rwkv7.chunk_rwkv7`, by our loop."""
    assert output_final_state
    return ops.wkv7_naive(r, w, k, v, a, b, initial_state, scale)


def chunk_gated_delta_rule(q, k, v, g, beta, scale=None, initial_state=None,
                           output_final_state=False):  # fmt: skip
    """`fla.ops.gated_delta_rule.chunk_gated_delta_rule`, by our loop."""
    assert output_final_state
    return ops.gated_delta_rule_naive(q, k, v, beta, g, initial_state, scale)


def mamba_chunk_scan_combined(x, dt, A, B, C, chunk_size, D=None, z=None, dt_bias=None,
                              initial_states=None, seq_idx=None, cu_seqlens=None,
                              dt_softplus=False, dt_limit=(0.0, float("inf")),
                              return_final_states=False):  # fmt: skip
    """`mamba_ssm.ops.triton.ssd_combined.mamba_chunk_scan_combined`, by our loop."""
    assert return_final_states and chunk_size == 256 and not dt_softplus
    return ops.ssd_naive(x, dt, A, B, C, D, initial_states)


def selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False,
                      return_last_state=False):  # fmt: skip
    """`mamba_ssm.ops.selective_scan_interface.selective_scan_fn`, by our loop; time is last."""
    assert return_last_state
    u, delta, B, C = (x.mT for x in (u, delta, B, C))
    z = None if z is None else z.mT
    y, state = ops.selective_scan_naive(u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    return y.mT, state


PEERS = {
    "retention": chunk_simple_gla,
    "gla": chunk_gla,
    "wkv7": chunk_rwkv7,
    "gated_delta_rule": chunk_gated_delta_rule,
    "ssd": mamba_chunk_scan_combined,
}


@pytest.mark.parametrize("operator", PEERS)
def test_arguments_arrive_where_they_belong(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures as in fla-core 0.6.0 and mamba-ssm 2.3."""
    case = half(operator)
    asked = stand_in(monkeypatch, PEERS[operator])
    scale = {} if operator == "ssd" else {"scale": 0.3}
    found = case.call(**scale)
    assert set(asked) == {operator}
    for result, expected in zip(found, case.call(case.naive, **scale), strict=True):
        torch.testing.assert_close(result.double(), expected, rtol=1e-6, atol=1e-6)


def test_constant_rates_have_an_argument_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a gradient; with one they are spread over time."""
    seen: list[dict[str, Any]] = []

    def record(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs)
        return chunk_simple_gla(*args, **kwargs)

    stand_in(monkeypatch, record)
    case = half("retention")
    rates = torch.tensor([-0.1, -0.2])
    plain = case.call(log_decay=rates)[0]
    learned = case.call(log_decay=rates.requires_grad_())[0]
    assert "g_gamma" in seen[0] and seen[1]["g"].shape == (2, 40, 2)
    torch.testing.assert_close(plain, learned)
    case.call(log_decay=None)
    assert "g_gamma" in seen[2]


def scan(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Arguments of a selective scan."""
    wide = {n: normal(2, 20, 8, seed=i).to(dtype) for i, n in enumerate(("u", "delta", "z"))}
    narrow = {n: normal(2, 20, 4, seed=i).to(dtype) for i, n in enumerate("BC")}
    rates = {"A": -normal(8, 4, seed=7).abs().float(), "D": normal(8, seed=8).float()}
    return wide | narrow | rates | {"delta_bias": normal(8, seed=9).float()}


def test_a_scan_without_a_gradient_and_a_first_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes to mamba-ssm; any other is ours."""
    asked = stand_in(monkeypatch, selective_scan_fn)
    arguments: dict[str, Any] = scan()
    expected = ops.selective_scan_naive(**arguments)
    for result, wanted in zip(ops.selective_scan(**arguments), expected, strict=True):
        torch.testing.assert_close(result.double(), wanted.double(), rtol=1e-5, atol=1e-5)
    assert asked
    asked.clear()
    ops.selective_scan(**arguments, state=torch.zeros(2, 8, 4))
    ops.selective_scan(**arguments, resets=torch.zeros(2, 20, dtype=torch.bool))
    ops.selective_scan(**arguments | {"u": arguments["u"].clone().requires_grad_()})
    ops.selective_scan(**arguments | {"B": arguments["B"].double()})
    assert not asked


@pytest.mark.parametrize("operator", PEERS)
def test_calls_that_a_peer_cannot_do_are_ours(
    operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Float32, resets, one step, widths that do not tile, another device."""
    asked, case = stand_in(monkeypatch, PEERS[operator]), half(operator)
    case.to(torch.float32).call()
    case.call(resets=torch.zeros(2, 40, dtype=torch.bool))
    case.steps(0, 1, case.state).call()
    CASES[NAMES[operator]]((2, 40, 2, 12, 12)).to(torch.bfloat16).call()
    monkeypatch.setattr(peers, "DEVICE", "cuda")
    case.call()
    assert not asked


def test_a_missing_package_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is ours, and `kernels` says so."""
    monkeypatch.setattr(peers, "load", lambda operator: None)
    assert half("gla").call()[0].dtype == torch.bfloat16
    assert set(peers.SOURCES) <= {n for n, k in kernels("cpu").items() if k == "torch, chunks"}


def test_kernels_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the calls that it takes."""
    stand_in(monkeypatch, chunk_gla)
    found = kernels("cpu")
    assert found["gla"].startswith("flash-linear-attention (half precision, no resets)")
    assert found["selective_scan"].startswith("mamba-ssm (no gradient")


def _fla(module: str, name: str) -> Callable[..., Any]:
    reason = "flash-linear-attention is not installed; its references cannot be asked"
    found = pytest.importorskip(f"fla.ops.{module}.naive", reason=reason, exc_type=ImportError)
    return getattr(found, name)


REFERENCES = {
    "retention": ("simple_gla", "naive_recurrent_simple_gla"),
    "gla": ("gla", "naive_recurrent_gla"),
    "wkv7": ("generalized_delta_rule.dplr", "dplr_recurrence"),
    "gated_delta_rule": ("gated_delta_rule", "naive_recurrent_gated_delta_rule"),
}


@pytest.mark.parametrize("operator", REFERENCES)
def test_the_peers_own_reference_means_the_same(operator: str) -> None:
    """Conventions of decay, scale, state and correction, by fla's loops in float32."""
    reference = _fla(*REFERENCES[operator])
    case = CASES[NAMES[operator]](SHAPE).to(torch.float32)
    inputs, scale = dict(case.over_time), 16**-0.5
    for ours, theirs in RENAMED[operator].items():
        inputs[theirs] = inputs.pop(ours)
    if operator == "wkv7":  # the only one with heads before time
        inputs = {name: x.transpose(1, 2) for name, x in inputs.items()}
    output, state = reference(**inputs, initial_state=case.state, output_final_state=True)
    output = output.transpose(1, 2) if operator == "wkv7" else output
    for result, expected in zip((output, state), case.call(case.naive, scale=scale), strict=True):
        torch.testing.assert_close(result.double(), expected, rtol=1e-4, atol=1e-4)


RENAMED = {
    "retention": {"log_decay": "g"},
    "gla": {"log_decay": "gk"},
    "wkv7": {"r": "q", "a": "alpha", "b": "beta", "w": "gk"},
    "gated_delta_rule": {},
}
