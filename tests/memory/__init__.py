"""Tests of `daneel.memory`."""
