import hashlib
import json
from pathlib import Path

import pytest

from otel_openai_wandb._gateway.feeding import folder_of
from otel_openai_wandb._gateway.tokens import Tenant, Tokens, TokensError, read_tokens
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import Route, rerouted


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def line(token: str, **more: str) -> str:
    return json.dumps({"sha256": digest(token), "entity": "acme", "project": "shop", **more})


def read(directory: Path, *lines: str, **environ: str) -> Tokens:
    path = directory / "tokens"
    path.write_text("\n".join(lines))
    return read_tokens(path, environ)


def test_a_token_names_where_its_spans_go(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    tokens = read(
        tmp_path,
        "# of the shop",
        "",
        line("one", key_variable="SHOP_KEY"),
        line("two", project="mail", key_file="key"),
        line("three", project="mail", key_file="key"),
        SHOP_KEY="from-the-environment",
    )
    assert tokens.tenant_of("Bearer one") == Tenant("acme", "shop", "from-the-environment")
    assert tokens.tenant_of("bearer  two ") == Tenant("acme", "mail", "from-a-file")
    assert [tenant.name for tenant in tokens.tenants] == ["acme/shop", "acme/mail"]


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer 4", "Basic one", "one", "Bearer one two", "Bearer \udcff"])
def test_nothing_else_is_a_token(tmp_path: Path, header: str) -> None:
    assert read(tmp_path, line("one")).tenant_of(header) is None


def test_a_key_is_not_shown(tmp_path: Path) -> None:
    assert "secret" not in repr(read(tmp_path, line("one", key_variable="KEY"), KEY="secret").tenants)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("secret-token", "not a JSON object"),
        ('["secret-token"]', "not a JSON object"),
        ('{"token": "secret-token"}', "an unknown field"),
        ('{"sha256": "secret-token"}', "64 lower-case hex digits"),
        (line("one", entity=""), "`entity` is missing, or is not a valid name"),
        (line("one", project="../../etc"), "`project` is missing, or is not a valid name"),
        (line("one", project=" shop"), "`project` is missing, or is not a valid name"),
        (line("one", key_variable="NOT_SET"), "is missing or empty"),
        (line("one", key_file="not-there"), "No such file"),
        (line("one", key_variable="A", key_file="b"), "`key_variable` and `key_file`"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_not_quoted(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(TokensError, match=why) as raised:
        read(tmp_path, "", text)
    assert "line 2" in str(raised.value)
    assert "secret-token" not in str(raised.value)


def test_a_file_that_says_nothing_or_two_things_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokensError, match="has no token"):
        read(tmp_path, "# none")
    with pytest.raises(TokensError, match="in the file twice"):
        read(tmp_path, line("one"), line("one", project="mail"))
    with pytest.raises(TokensError, match="two W&B keys"):
        read(tmp_path, line("one"), line("two", key_variable="KEY"), KEY="key")
    with pytest.raises(TokensError, match="cannot be read"):
        read_tokens(tmp_path / "nowhere", {})


def test_a_span_goes_where_its_token_says() -> None:
    said = {"wandb.project": "other", "wandb.entity": "../them", "service.name": "shop"}
    spans = [
        SpanRecord("t", str(n), None, False, "x", 0, 1, False, None, {**said, "kept": n}, (), "", said) for n in (1, 2)
    ]
    first, second = rerouted(spans, Route("mail", "acme"))
    assert first.resource == {"wandb.project": "mail", "wandb.entity": "acme", "service.name": "shop"}
    assert first.resource is second.resource
    assert first.attributes == {"service.name": "shop", "kept": 1}


@pytest.mark.parametrize("name", ["acme/shop", "../../etc", "/", "a/..", "", "a/" + "x" * 200, "ä/ö", "a/b c"])
def test_a_tenant_has_a_folder_of_its_own_below_the_gateways(name: str) -> None:
    folder = folder_of(name)
    assert Path(folder).name == folder
    assert folder not in {".", ".."}
    assert len(folder) < 100
    assert folder != folder_of(f"{name}-")
