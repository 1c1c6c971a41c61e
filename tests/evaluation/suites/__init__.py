"""Suites: the runner, the record, its statistics and its page."""
