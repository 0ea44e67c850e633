"""The private parts of wandb that we use, all of them, and what is done without them.

Each is looked up before it is used. If one is missing, or raises, we do without a convenience and never lose a trace;
the log says once, at INFO, which.
"""
