"""Telemetry that all calls share: settings, sampling, metrics, events, and our own faults."""
