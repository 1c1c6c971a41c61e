"""Tests of daneel.alignment.safety."""
