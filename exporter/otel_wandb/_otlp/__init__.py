"""Decodes OTLP requests: spans, and GenAI events among log records, into the same records as spans of the SDK."""
