"""Tests of the layers that judge plans."""
