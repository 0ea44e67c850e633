"""Checks the options of the gateway."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from otel_openai_wandb._gateway.tokens import Tokens, TokensError, read_tokens

NONE: Final = "none"
MOST_PORTS: Final = 65_535


class OptionsError(ValueError):
    """The gateway cannot start with these options; the message says why."""


class Address(NamedTuple):
    """An address to listen on. Port 0 means any free port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. With `clients`, only clients with a certificate of that authority may connect."""

    certificate: Path
    private_key: Path
    clients: Path | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options."""

    directory: Path
    http: Address | None
    grpc: Address | None
    tokens: Tokens = field(default_factory=Tokens)
    tls: Tls | None = None
    project: str | None = None
    entity: str | None = None
    worker: str = ""
    spool_bytes: int = 2**30
    body_bytes: int = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Given:
    """Unchecked options, as given on the command line."""

    directory: str
    http: str
    grpc: str
    spool_mib: int
    body_mib: int
    tokens: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    client_ca: str | None = None
    project: str | None = None
    entity: str | None = None
    worker: str | None = None


def checked(given: Given, environ: Mapping[str, str]) -> Options:
    """Check the options; `environ` may hold W&B keys. Raises OptionsError."""
    http, grpc = _address(given.http), _address(given.grpc)
    if http is None and grpc is None:
        raise OptionsError("--http and --grpc are both none: there is nothing to listen on")
    try:
        tokens = Tokens() if given.tokens is None else read_tokens(Path(given.tokens), environ)
    except TokensError as error:
        raise OptionsError(str(error)) from error
    tls = _tls(given)
    for address in (http, grpc):
        if address is not None and not address.is_loopback and not tokens and (tls is None or tls.clients is None):
            raise OptionsError(f"{address} can be reached from other machines, which needs --tokens or --client-ca")
    if given.body_mib < 1 or given.spool_mib < 2 * given.body_mib:
        raise OptionsError("--body-mib must be at least 1, and --spool-mib at least twice --body-mib")
    return Options(
        directory=Path(given.directory),
        http=http,
        grpc=grpc,
        tokens=tokens,
        tls=tls,
        project=given.project,
        entity=given.entity,
        worker=given.worker or socket.gethostname(),
        spool_bytes=given.spool_mib * 2**20,
        body_bytes=given.body_mib * 2**20,
    )


def _address(text: str) -> Address | None:
    if text == NONE:
        return None
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) <= MOST_PORTS):
        raise OptionsError(f"{text!r} is neither HOST:PORT nor {NONE}")
    return Address(host, int(port))


def _tls(given: Given) -> Tls | None:
    if given.certificate is None and given.private_key is None and given.client_ca is None:
        return None
    if given.certificate is None or given.private_key is None:
        raise OptionsError("TLS needs --certificate and --private-key")
    for file in (given.certificate, given.private_key, given.client_ca):
        if file is not None and not os.access(file, os.R_OK):
            raise OptionsError(f"{file} cannot be read")
    clients = None if given.client_ca is None else Path(given.client_ca)
    return Tls(Path(given.certificate), Path(given.private_key), clients)
