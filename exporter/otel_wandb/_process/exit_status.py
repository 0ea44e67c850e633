"""Keeps the exit status that a program would have had without us."""

import contextlib
import sys


def keep_interrupt() -> None:
    """Let a program that Ctrl-C ended still end by the signal SIGINT, which its shell expects.

    CPython 3.8 to 3.14 stores that a KeyboardInterrupt was unhandled. Executing source text resets this
    (`run_eval_code_obj` in `pythonrun.c`), and importing wandb at an exit does so. Executing a text that raises
    KeyboardInterrupt sets it again.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102
