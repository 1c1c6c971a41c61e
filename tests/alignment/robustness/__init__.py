"""Tests of the attacks and defences."""
