"""Alignment: the gate that a candidate must pass before it is released.

A check judges a `Candidate` and answers with a `Finding`: holds, violated (with a witness that
replays) or unknown. `run_gate` runs a list of them and fails closed; `release` marks what passed.
"""

from daneel.alignment import activations, normalization  # noqa: F401  (they register their bounds)
from daneel.alignment.candidate import Candidate, declared_box
from daneel.alignment.checks import CHECKS
from daneel.alignment.falsify import find_violation, replay
from daneel.alignment.finding import Check, Finding, Verdict
from daneel.alignment.gate import CheckSpec, load_gate, run_gate
from daneel.alignment.hashing import weights_hash
from daneel.alignment.interpretability import AttentionVisualizer, TransformerCircuits
from daneel.alignment.interval_bounds import BoundedLayer, output_bounds, register_bound
from daneel.alignment.released import (
    is_released,
    release,
    released_weights,
    verify_released,
    withdraw,
)
from daneel.alignment.report import GateReport, load_report, save_report
from daneel.alignment.robustness import AdversarialRobustnessSuite
from daneel.alignment.rounding import Bounds, NoBoundError
from daneel.alignment.traces import ReasoningDebugger

__all__ = [
    "CHECKS",
    "AdversarialRobustnessSuite",
    "AttentionVisualizer",
    "BoundedLayer",
    "Bounds",
    "Candidate",
    "Check",
    "CheckSpec",
    "Finding",
    "GateReport",
    "NoBoundError",
    "ReasoningDebugger",
    "TransformerCircuits",
    "Verdict",
    "declared_box",
    "find_violation",
    "is_released",
    "load_gate",
    "load_report",
    "output_bounds",
    "register_bound",
    "release",
    "released_weights",
    "replay",
    "run_gate",
    "save_report",
    "verify_released",
    "weights_hash",
    "withdraw",
]
