"""Tests of demonstrations."""
