"""Reads runs from their directories, to show their traces in the terminal (`show`) or send them to Weave (`weave`)."""
