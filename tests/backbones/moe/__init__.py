"""Tests of `daneel.backbones.moe`."""
