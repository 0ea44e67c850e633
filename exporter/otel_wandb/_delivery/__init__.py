"""Spans that their sender keeps until they are on the disk: which ones are, and what a killed process left."""
