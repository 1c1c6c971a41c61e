"""Tests of compressed memories."""
