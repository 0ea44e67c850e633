"""Reads foreign spans and values into our own records."""
