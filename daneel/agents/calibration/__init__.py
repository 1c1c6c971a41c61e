"""Calibration: parameters of a simulator from logs of a robot, with what is left uncertain."""

from daneel.agents.calibration.adapt import Adapted, CalibrationConfig, EmbodiedCalibration
from daneel.agents.calibration.problem import CalibrationError, Fit, FunctionProblem, Problem

__all__ = [
    "Adapted",
    "CalibrationConfig",
    "CalibrationError",
    "EmbodiedCalibration",
    "Fit",
    "FunctionProblem",
    "Problem",
]
