"""What comes in: OTLP over HTTP and gRPC, refused or put into the spool."""
