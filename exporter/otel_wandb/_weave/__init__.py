"""Sends traces to Weave, beside the run they are in."""
