"""All private parts of wandb that we use, with a fallback for each.

Each part is looked up before it is used. If it is missing or raises, some feature is missing but no trace is lost. The
log names the feature once, at INFO.
"""
