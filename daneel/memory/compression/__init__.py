"""Memories that keep less than they were given, and say what it costs."""

from daneel.memory.compression.adaptive import AdaptiveCompressor
from daneel.memory.compression.chat import ChatSummariser
from daneel.memory.compression.context import ContextSummaryMemory
from daneel.memory.compression.endpoint import Endpoint
from daneel.memory.compression.reservoir import EpochReservoir
from daneel.memory.compression.streaming import Codes, StreamingCompressor
from daneel.memory.compression.summariser import CodecSummariser, Summariser
from daneel.memory.compression.summarising import SummarizingMemory
from daneel.memory.compression.temporal import TemporalVectorCompressor

__all__ = [
    "AdaptiveCompressor",
    "ChatSummariser",
    "CodecSummariser",
    "Codes",
    "ContextSummaryMemory",
    "Endpoint",
    "EpochReservoir",
    "StreamingCompressor",
    "Summariser",
    "SummarizingMemory",
    "TemporalVectorCompressor",
]
