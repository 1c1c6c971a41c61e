"""Mirrors daneel/alignment/traces/wording."""
