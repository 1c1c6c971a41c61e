"""Indexes over vectors: derived from the rows, thrown away and rebuilt at will."""
