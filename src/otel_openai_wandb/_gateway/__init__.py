"""The command `openai-wandb gateway`: receives OTLP, keeps it in a spool on the disk and writes it to runs."""
