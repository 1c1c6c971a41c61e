"""Reasoning traces: read into logic, judged by a solver."""

from daneel.alignment.traces.debugger import Conflict, ReasoningDebugger, TraceReport, read_trace
from daneel.alignment.traces.reader import Reader

__all__ = ["Conflict", "Reader", "ReasoningDebugger", "TraceReport", "read_trace"]
