"""Counts or estimates the tokens of a call, and finds its price."""
