"""Tests of `daneel.training`."""
