"""Tests of the layers that judge instructions, scenes and plans."""
