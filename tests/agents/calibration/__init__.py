"""Tests of `daneel.agents.calibration`."""
