"""Spans that somebody keeps until they are on the disk: which are, and what a killed process left."""
