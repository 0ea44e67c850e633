"""The process around the exporter: threads, budgets, counters, and the ends of the process."""
