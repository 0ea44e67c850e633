"""Receives OTLP over HTTP and gRPC, and puts accepted requests into the spool."""
