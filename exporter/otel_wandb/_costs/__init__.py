"""Tokens and dollars of a call."""
