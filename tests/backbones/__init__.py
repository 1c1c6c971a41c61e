"""Tests of `daneel.backbones`."""
