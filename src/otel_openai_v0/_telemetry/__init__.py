"""Where telemetry goes and what it may hold: settings, sampling, metrics, events, and our own faults."""
