"""Tests of `daneel.memory.attention`."""
