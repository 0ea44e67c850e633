"""Reads the GenAI fields of a span in any dialect."""
