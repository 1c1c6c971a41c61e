"""Tests of the room `daneel.envs`."""
