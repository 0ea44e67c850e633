"""The process around the exporter: threads, budgets, counters, and every way to end."""
