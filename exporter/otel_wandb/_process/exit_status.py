"""Keeps how a program ended what it was."""

import contextlib
import sys


def keep_interrupt() -> None:
    """Have a program that Ctrl-C ended still end by the signal, for its shell to see.

    CPython 3.8 to 3.14 remembers an unhandled KeyboardInterrupt until the next text is executed; importing wandb at an
    exit executes some (`run_eval_code_obj` in `pythonrun.c`). A text that raises it again has it remembered again.
    """
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102
