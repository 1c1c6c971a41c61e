"""Tests of `daneel.backbones.adapters`."""
