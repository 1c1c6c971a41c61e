"""Tests of the gate and what it stands on."""
