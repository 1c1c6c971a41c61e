"""Tests of daneel.envs.suites."""
