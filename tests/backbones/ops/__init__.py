"""Operators against their loops."""
