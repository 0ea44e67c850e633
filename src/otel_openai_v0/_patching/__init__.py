"""Puts wrappers around openai's methods, and takes them away again."""
