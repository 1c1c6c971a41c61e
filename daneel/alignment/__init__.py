"""Alignment: the gate that a candidate must pass before it is released, and what it stands on.

A check judges a `Candidate` and answers with a `Finding`: holds, violated (with a witness that
replays) or unknown. `run_gate` runs a list of them and fails closed; `release` signs what passed.
Verification, judging, oversight, interpretability and robustness are imported when asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from daneel.alignment import activations, normalization  # noqa: F401  (they register their bounds)
from daneel.alignment.candidate import Candidate, declared_box
from daneel.alignment.checks import CHECKS
from daneel.alignment.falsify import find_violation, replay
from daneel.alignment.finding import Check, Finding, Verdict
from daneel.alignment.gate import CheckSpec, gate_names, load_gate, run_gate
from daneel.alignment.hashing import weights_hash
from daneel.alignment.interval_bounds import BoundedLayer, output_bounds, register_bound
from daneel.alignment.released import (
    is_released,
    release,
    released_weights,
    verify_released,
    withdraw,
)
from daneel.alignment.report import GateReport, load_report, save_report, witness_path
from daneel.alignment.rounding import Bounds, NoBoundError

if TYPE_CHECKING:
    from daneel.alignment.editing import GradientPatchEditor
    from daneel.alignment.interpretability import AttentionVisualizer, TransformerCircuits
    from daneel.alignment.judging import (
        CollectiveConstitution,
        CriticRLHF,
        DeliberativeAligner,
        IterAlign,
        MultiStageOversight,
        TextLayer,
        judge,
    )
    from daneel.alignment.robustness import AdversarialRobustnessSuite
    from daneel.alignment.safety import NeuroSymbolicExecutor
    from daneel.alignment.traces import ReasoningDebugger
    from daneel.alignment.verification import FormalVerifier

_ROOMS = {
    "AdversarialRobustnessSuite": "robustness",
    "AttentionVisualizer": "interpretability",
    "CollectiveConstitution": "judging",
    "CriticRLHF": "judging",
    "DeliberativeAligner": "judging",
    "FormalVerifier": "verification",
    "GradientPatchEditor": "editing",
    "IterAlign": "judging",
    "MultiStageOversight": "judging",
    "NeuroSymbolicExecutor": "safety",
    "ReasoningDebugger": "traces",
    "TextLayer": "judging",
    "TransformerCircuits": "interpretability",
    "judge": "judging",
}

__all__ = [
    "CHECKS",
    "AdversarialRobustnessSuite",
    "AttentionVisualizer",
    "BoundedLayer",
    "Bounds",
    "Candidate",
    "Check",
    "CheckSpec",
    "CollectiveConstitution",
    "CriticRLHF",
    "DeliberativeAligner",
    "Finding",
    "FormalVerifier",
    "GateReport",
    "GradientPatchEditor",
    "IterAlign",
    "MultiStageOversight",
    "NeuroSymbolicExecutor",
    "NoBoundError",
    "ReasoningDebugger",
    "TextLayer",
    "TransformerCircuits",
    "Verdict",
    "declared_box",
    "find_violation",
    "gate_names",
    "is_released",
    "judge",
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
    "witness_path",
]


def __getattr__(name: str) -> Any:
    """Imports what is asked for."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    """Every public name, whether imported yet or not."""
    return __all__
