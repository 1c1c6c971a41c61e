"""Tests of `daneel.agents`."""
