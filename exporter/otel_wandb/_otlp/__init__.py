"""Reads requests of OTLP: spans, and the GenAI events among log records, as records like those of our own SDK's."""
