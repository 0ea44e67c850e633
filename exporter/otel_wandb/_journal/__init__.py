"""The journal of a run: every trace whole and structured, in files that are part of the run.

`schema` says what a record is, `records` makes them, `writer` writes them and `reader` reads them back.
"""
