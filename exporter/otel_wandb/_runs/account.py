"""Finds the mode, the server and the key that wandb would use. Never asks for a key at a terminal."""

import os
from collections.abc import Mapping
from typing import Any, Final

from otel_wandb._runs.private.service import has_session_key, session_key

_SYNONYMS: Final = {"run": "online", "dryrun": "offline"}
_ONLINE: Final = ("online", "shared")


def settings_given(init: Mapping[str, Any]) -> dict[str, Any]:
    """The fields set in the argument `settings` of `wandb.init`, which is a dict or a `wandb.Settings`."""
    given = init.get("settings") or {}
    if isinstance(given, Mapping):
        return dict(given)
    return {name: getattr(given, name) for name in given.model_fields_set}


def configured_server() -> str:
    """W&B's server in the environment and wandb's settings files. Raises ValueError for a malformed setting."""
    import wandb

    return str(wandb.setup().settings.base_url)


def server_of(init: Mapping[str, Any]) -> str:
    """The server that `wandb.init(**init)` will use."""
    return str(settings_given(init).get("base_url") or configured_server())


def mode_of(init: Mapping[str, Any]) -> str:
    """The mode that `wandb.init(**init)` will have: "online", "offline", "disabled" or "shared".

    The arguments come first, then `wandb.setup`, the environment, and settings files (`wandb offline`).
    """
    import wandb

    mode = str(init.get("mode") or settings_given(init).get("mode") or wandb.setup().settings.mode)
    return _SYNONYMS.get(mode, mode)


def is_online(init: Mapping[str, Any]) -> bool:
    """Whether a run of `wandb.init(**init)` would be online."""
    return mode_of(init) in _ONLINE


def has_key(init: Mapping[str, Any]) -> bool:
    """Whether `wandb.init(**init)` would find a key. Without one it would ask for it at a terminal."""
    if settings_given(init).get("api_key"):
        return True
    host = server_of(init)
    found = has_session_key(host)
    return _finds_key(host) if found is None else found


def lacks_key(init: Mapping[str, Any]) -> bool:
    """Whether a run of `wandb.init(**init)` would be online but has no key. Such a run is made offline instead."""
    return is_online(init) and not has_key(init)


def key_of(init: Mapping[str, Any]) -> str | None:
    """The key that `wandb.init(**init)` would send; None if there is no key, or an identity token in its place."""
    host = server_of(init)
    given = settings_given(init).get("api_key") or session_key(host) or os.environ.get("WANDB_API_KEY")
    if given:
        return str(given)
    from requests.utils import get_netrc_auth

    found = get_netrc_auth(host)
    return None if found is None else found[1]


def _finds_key(host: str) -> bool:
    """Whether there is a key in the places that older versions of wandb search, if wandb itself cannot be asked."""
    from requests.utils import get_netrc_auth

    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    return get_netrc_auth(host) is not None
