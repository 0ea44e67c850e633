"""Keeps the exit status that a program would have had without us."""

import contextlib
import sys


def keep_interrupt() -> None:
    """Let a program that Ctrl-C ended still end by the signal, so that its shell sees it.

    CPython 3.8 to 3.14 remembers an unhandled KeyboardInterrupt until the next source text is executed
    (`run_eval_code_obj` in `pythonrun.c`), and importing wandb at an exit executes some. Executing a text that raises
    it again restores the memory.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102
