"""Calls and streams of openai: their spans are started, made current, filled with attributes, and ended."""
