"""Says in words where the demo's W&B run is."""

import shlex
from collections.abc import Iterator


def where_to_look(url: str | None, directory: str | None) -> Iterator[tuple[str, str | None]]:
    """Sentences, each with a line to print after it: the run is at `url`, else in `directory`, else nowhere."""
    named = None if directory is None else shlex.quote(directory)
    if url is not None:
        yield "The traces are in W&B:", url
    elif named is not None:
        yield "The traces are in an offline W&B run. Upload it with:", f"wandb sync {named}"
    else:
        yield "W&B is disabled: the traces were not kept.", None
    if named is not None:
        yield (
            "See them without an account, in the browser (or with `show` in the terminal):",
            f"openai-wandb view {named}",
        )
