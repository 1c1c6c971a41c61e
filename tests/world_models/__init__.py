"""Tests of `daneel.world_models`."""
