"""Sends traces to Weave, in addition to their run."""
