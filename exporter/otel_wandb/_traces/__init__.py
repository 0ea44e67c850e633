"""Spans become traces: assembled, merged, selected, routed."""
