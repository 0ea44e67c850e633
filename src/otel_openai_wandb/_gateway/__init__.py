"""The command `openai-wandb gateway`: OTLP over HTTP and gRPC, kept on the disk, written to runs."""
