"""Tests of daneel.evaluation."""
