"""Reads the file of hashed tokens, which says who may send and to which project.

Each line is a JSON object: the `sha256` of the token, the `entity` and `project` that it writes to, and optionally
`key_variable` or `key_file`, which holds the entity's W&B key. Empty lines and lines that begin with # are ignored.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[^/\\#?%:\x00-\x1f\x7f]{1,128}")  # names that W&B accepts
_FIELDS: Final = {"sha256", "entity", "project", "key_variable", "key_file"}
_BEARER: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


class TokensError(ValueError):
    """The file of tokens cannot be used; the message says which line and why, and quotes no token or key."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The project that a token's spans go to, and its W&B key. Without a key the gateway's own is used."""

    entity: str
    project: str
    key: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The name in the spool and in W&B: "entity/project"."""
        return f"{self.entity}/{self.project}"


class Tokens:
    """Tenants by the hash of their token. If empty, everybody who can connect may send."""

    def __init__(self, tenants: Sequence[tuple[str, Tenant]] = ()) -> None:
        self._hashed = [(bytes.fromhex(digest), tenant) for digest, tenant in tenants]

    def __bool__(self) -> bool:
        return bool(self._hashed)

    @property
    def tenants(self) -> Sequence[Tenant]:
        """The tenants, without repetition."""
        return list({tenant.name: tenant for _, tenant in self._hashed}.values())

    def tenant_of(self, authorization: str) -> Tenant | None:
        """The tenant of the token in an `Authorization` header, or None. Always compares all hashes, for equal time."""
        given = _BEARER.fullmatch(authorization)
        digest = hashlib.sha256(given[1].encode("utf-8", "surrogateescape") if given else b"").digest()
        found = [tenant for known, tenant in self._hashed if hmac.compare_digest(known, digest)]
        return found[0] if given and found else None


def read_tokens(path: Path, environ: Mapping[str, str]) -> Tokens:
    """Read a file of tokens; `environ` may hold W&B keys. Raises TokensError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TokensError(f"the tokens {path} cannot be read: {error}") from error
    found: dict[str, Tenant] = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                digest, tenant = _tenant(line, path.parent, environ)
            except (ValueError, OSError) as error:
                raise TokensError(f"{path}, line {number}: {error}") from error
            if digest in found:
                raise TokensError(f"{path}, line {number}: this token is in the file twice")
            found[digest] = tenant
    if not found:
        raise TokensError(f"{path} has no token")
    _refuse_two_keys(path, found.values())
    return Tokens(list(found.items()))


def _tenant(line: str, folder: Path, environ: Mapping[str, str]) -> tuple[str, Tenant]:
    said = _object(line)
    if not said.keys() <= _FIELDS:
        raise ValueError(f"an unknown field; known are {', '.join(sorted(_FIELDS))}")
    digest = said.get("sha256")
    if not (isinstance(digest, str) and _HASH.fullmatch(digest)):
        raise ValueError("`sha256` is not 64 lower-case hex digits")
    return digest, Tenant(_name(said, "entity"), _name(said, "project"), _key(said, folder, environ))


def _name(said: Mapping[str, Any], field_name: str) -> str:
    name = said.get(field_name)
    if not (isinstance(name, str) and _NAME.fullmatch(name) and name == name.strip()):
        raise ValueError(f"`{field_name}` is missing, or is not a valid name in W&B")
    return name


def _object(line: str) -> Mapping[str, Any]:
    try:
        said: Any = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ValueError("this is not a JSON object")  # noqa: TRY004 - a fault in the file, not in a caller
    return said


def _key(said: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> str | None:
    variable, file = said.get("key_variable"), said.get("key_file")
    if variable is not None and file is not None:
        raise ValueError("`key_variable` and `key_file` cannot be used together")
    if variable is not None:
        key = environ.get(str(variable), "")
    elif file is not None:
        key = (folder / str(file)).read_text(encoding="utf-8")
    else:
        return None
    if not key.strip():
        raise ValueError("the W&B key that this line names is missing or empty")
    return key.strip()


def _refuse_two_keys(path: Path, tenants: Any) -> None:
    keys: dict[str, str | None] = {}
    for tenant in tenants:
        if keys.setdefault(tenant.name, tenant.key) != tenant.key:
            raise TokensError(f"{path}: {tenant.name} has two W&B keys")
