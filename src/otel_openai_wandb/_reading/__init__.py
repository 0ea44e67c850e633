"""Reads runs from their directories: shows their traces in the terminal (`show`), sends them to Weave (`weave`)."""
