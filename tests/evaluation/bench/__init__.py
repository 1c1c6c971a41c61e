"""Tests of daneel.evaluation.bench."""
