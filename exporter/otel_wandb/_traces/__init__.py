"""Traces: assembles spans, merges, selects and routes them, and reads each trace once."""
