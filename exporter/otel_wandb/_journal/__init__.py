"""The journal of a run: every trace complete and structured, in files of the run.

`schema` describes the records, `records` makes them, `writer` writes them and `reader` reads them.
"""
