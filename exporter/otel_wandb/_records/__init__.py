"""What is written of a trace: a timeline, table rows, a history row."""
