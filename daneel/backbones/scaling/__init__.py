"""Scaling laws: what a larger run will reach, from smaller ones, and how sure that is."""

from daneel.backbones.scaling.backtest import Calibrated, Law, backtest, calibrate, split_at
from daneel.backbones.scaling.breakpoint import (
    BreakpointModel,
    BreakpointScalingLaw,
    fit_breakpoint,
)
from daneel.backbones.scaling.isoflop import IsoFlopLaw, fit_isoflop
from daneel.backbones.scaling.parametric import (
    ChinchillaLaw,
    SmoothlyBrokenLaw,
    fit_chinchilla,
    fit_smooth,
)
from daneel.backbones.scaling.runs import Runs

__all__ = [
    "BreakpointModel",
    "BreakpointScalingLaw",
    "Calibrated",
    "ChinchillaLaw",
    "IsoFlopLaw",
    "Law",
    "Runs",
    "SmoothlyBrokenLaw",
    "backtest",
    "calibrate",
    "fit_breakpoint",
    "fit_chinchilla",
    "fit_isoflop",
    "fit_smooth",
    "split_at",
]
