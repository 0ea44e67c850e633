"""Makes the records of a trace: a timeline, table rows, a history row."""
