"""Tests of networks with memory."""
