"""Logs to learn from: what was seen, done and got, in datasets of several layouts."""

from daneel.training.logs.episode import LogError, LoggedEpisode
from daneel.training.logs.logs import Logs, logged_env, read_logs

__all__ = ["LogError", "LoggedEpisode", "Logs", "logged_env", "read_logs"]
