"""Wraps openai's methods, and restores them."""
