"""Tests, one file for each file of `daneel/`."""
