"""What a request is, told by its path alone; and what a call is, told by its method."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._openai.invocation import of_method, of_request
from otel_openai_v0._openai.operations import METHODS, OPERATIONS_BY_PATH, Method
from otel_openai_v0._patching.requestor import request_arguments
from tests.instrumentation.driving import Json

REQUESTOR = SimpleNamespace(
    api_base="http://h:1/v1", api_type=SimpleNamespace(name="OPEN_AI"), api_version=None, api_key="sk-canary"
)
MODEL_PATHS = [(path, operation.name) for path, operation in OPERATIONS_BY_PATH.items()]


@pytest.mark.parametrize(("path", "name"), MODEL_PATHS)
@pytest.mark.parametrize(
    ("before", "after", "engine"),
    [
        ("/", "", None),
        ("", "", None),
        ("/v1/", "", None),
        ("/engines/e-1/", "", "e-1"),
        ("/engines/davinci%3Aft+x/", "", "davinci:ft x"),
        ("/openai/deployments/d-1/", "?api-version=2023-05-15", "d-1"),
        ("/openai/", ":submit?api-version=2023-06-01", None),
        ("https://h.invalid/openai/deployments/d-1/", "?x=y", "d-1"),
    ],
)
def test_a_model_call_by_its_path(path: str, name: str, before: str, after: str, engine: str | None) -> None:
    found = of_request(REQUESTOR, {"method": "post", "url": f"{before}{path}{after}", "params": {}})
    assert found.span_name() == (f"{name} {engine}" if engine else name)
    assert found.operation.is_model_call
    asked = of_request(REQUESTOR, {"method": "POST", "url": f"{before}{path}{after}", "params": {"model": "m"}})
    assert asked.start_attributes()["gen_ai.request.model"] == "m"


@pytest.mark.parametrize(
    ("method", "url", "name"),
    [
        ("get", "/models", "list models"),
        ("GET", "/v1/models/ft%3Agpt", "retrieve models"),
        ("delete", "/files/x-1", "delete files"),
        ("put", "/files/x-1", "put files"),
        ("post", "/files/x-1/cancel/now", "post files"),
        ("get", "/mine/x-1", "get mine"),
        ("get", "/engines/davinci/completions", "get engines"),
        ("get", "/fine-tunes/ft-1/events?stream=true", "list_events fine-tunes"),
        ("post", "/fine_tuning/jobs", "create fine_tuning.jobs"),
        ("delete", "/experimental/completion_configs/c-1", "delete experimental.completion_configs"),
        ("get", "https://h.invalid/openai/operations/images/1?api-version=x", "get operations"),
        ("get", "/openai/deployments?api-version=x", "list deployments"),
        ("post", "/engines/e-1", "modify engines"),
        ("post", "", "post"),
        ("patch", None, "patch"),
    ],
)
def test_any_other_request_is_management(method: str, url: Any, name: str) -> None:
    found = of_request(REQUESTOR, {"method": method, "url": url})
    assert found.span_name() == name
    assert found.start_attributes()["openai.operation.name"] == name.partition(" ")[0]
    assert "gen_ai.operation.name" not in found.start_attributes()


def test_an_object_is_known_by_its_address() -> None:
    assert of_request(REQUESTOR, {"method": "get", "url": "/models/ft%3Agpt"}).arguments["id"] == "ft:gpt"
    assert "id" not in of_request(REQUESTOR, {"method": "get", "url": "/mine/secret"}).arguments


@given(st.text(), st.text(), st.one_of(st.none(), st.integers(), st.dictionaries(st.text(), st.text())))
def test_no_request_is_too_odd(method: str, url: str, params: Any) -> None:
    found = of_request(REQUESTOR, {"method": method, "url": url, "params": params})
    assert found.span_name().startswith(found.operation.name)


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (("get", "/x"), {"params": {"a": 1}}, {"method": "get", "url": "/x", "params": {"a": 1}}),
        (("post", "/x", {"a": 1}, {"h": "v"}, [("f", 1)], True), {}, {"params": {"a": 1}, "files": [("f", 1)]}),
        ((), {"method": "get", "url": "/x"}, {"method": "get", "url": "/x"}),
    ],
)
def test_arguments_of_a_request_by_name(args: tuple[Any, ...], kwargs: Json, expected: Json) -> None:
    assert request_arguments(args, kwargs).items() >= expected.items()


def test_files_and_headers_of_a_request_are_arguments() -> None:
    files = [("image", ("cat.png", b"canary", "x/y")), ("n", (None, 2)), ("odd", b"bytes")]
    given_ = {"method": "post", "url": "/images/edits", "files": files, "supplied_headers": {"api-key": "k"}}
    found = of_request(REQUESTOR, given_).arguments
    assert found == {"image": b"canary", "n": 2, "headers": {"api-key": "k"}}


def row(owner: str, name: str) -> Method:
    (found,) = (method for method in METHODS if (method.owner.rpartition(".")[2], method.name) == (owner, name))
    return found


class Mine(openai.ChatCompletion):  # type: ignore[misc]  # openai's classes are Any here
    pass


@pytest.mark.parametrize(
    ("method", "target", "arguments", "name"),
    [
        (row("EngineAPIResource", "create"), openai.Embedding, {"engine": "e"}, "embeddings e"),
        (row("EngineAPIResource", "acreate"), Mine, {"deployment_id": "d"}, "chat d"),
        (row("Engine", "generate"), openai.Engine(id="e-1"), {}, "text_completion e-1"),
        (row("Engine", "generate"), openai.Engine(), {}, "text_completion"),
        (row("APIResource", "refresh"), openai.Model(id="m-1"), {}, "refresh models"),
        (row("Customer", "create"), openai.Customer, {}, "create customer"),
        (row("CreateableAPIResource", "create"), openai.FineTune, {"model": "ada"}, "create fine-tunes"),
        pytest.param(
            *(row("DeletableAPIResource", "delete"), getattr(openai, "FineTuningJob", None)),
            *({"sid": "x"}, "delete fine_tuning.jobs"),
            marks=pytest.mark.needs("FineTuningJob", "delete"),
        ),
    ],
)
def test_a_call_by_its_method_and_target(method: Method, target: Any, arguments: Json, name: str) -> None:
    assert of_method(method, target, arguments, openai).span_name() == name


def test_the_object_of_a_refresh_is_named() -> None:
    found = of_method(row("APIResource", "refresh"), openai.Model(id="m-1"), {}, openai)
    assert found.operation.read_request(found.arguments) == {"openai.resource.id": "m-1"}
