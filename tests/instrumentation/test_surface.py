"""Nothing of openai sends a request unseen: its classes are walked, and each method is a row or has its reason."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import reduce
from types import FunctionType
from typing import Any, Final

import openai
import openai.api_resources
import pytest
import wrapt
from opentelemetry.trace import StatusCode

from otel_openai_v0._openai.operations import METHODS
from tests.instrumentation.calls import AZURE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Json, Recording, attributes, outcome
from tests.instrumentation.installed import ABSENT, ADOWNLOAD_WORKS, METHODS_HERE, absent, owner_of
from tests.support.openai_server import OpenAIServer, Reply

# What sends, in a method's own code: the requestor, an object's request, or another method that is looked at here.
SENDS: Final = re.compile(
    r"\.a?request(_raw)?\(|_a?poll\(|_static_request\(|_astatic_request\(|nested_resource_request|\.a?refresh\("
    r"|(cls|self|super\(\))\.a?(create|list|retrieve|delete|modify)\(|getattr\(cls, resource_request_method\)"
)
REQUESTOR_ONLY: Final = "is the requestor's business: its request is seen there"
EXCEPTIONS: Final = {
    "OpenAIObject.request": REQUESTOR_ONLY,
    "OpenAIObject.arequest": REQUESTOR_ONLY,
    "FineTune.events_request": f"the inside of list_events; called alone it {REQUESTOR_ONLY}",
    "FineTuningJob.events_request": f"the inside of list_events; called alone it {REQUESTOR_ONLY}",
    "ListableAPIResource.auto_paging_iter": "each page is a `list`",
    "PaginatableAPIResource.auto_paging_iter": "each page is a `list`",
    "EngineAPIResource.wait": "each turn is a `refresh`",
    "EngineAPIResource.await_": "each turn is an `arefresh`",
    "APIRequestor.request": "wrapped on its own",
    "APIRequestor.arequest": "wrapped on its own",
    "APIRequestor.request_raw": "wrapped on its own",
    "APIRequestor.arequest_raw": "wrapped on its own",
}
# Functions that call methods which are rows, and modules that need packages which nobody has to have.
MODULES_THAT_CALL_ROWS: Final = ("openai.cli", "openai.wandb_logger", "openai.embeddings_utils", "openai.tests")


def modules() -> Iterator[Any]:
    yield openai
    for found in pkgutil.walk_packages(openai.__path__, "openai."):
        if not found.name.startswith((*MODULES_THAT_CALL_ROWS, "openai._openai_scripts", "openai.__main__")):
            yield importlib.import_module(found.name)


def classes() -> set[type]:
    found = {item for module in modules() for item in vars(module).values() if inspect.isclass(item)}
    return {item for item in found if item.__module__.startswith("openai")}


def function_of(value: object) -> FunctionType | None:
    inner = getattr(value, "__func__", value)
    return inner if isinstance(inner, FunctionType) else None


def sending() -> dict[str, tuple[type, str]]:
    """Public methods whose own code sends, by `Class.method`."""
    return {
        f"{owner.__name__}.{name}": (owner, name)
        for owner in classes()
        for name, value in vars(owner).items()
        if not name.startswith("_") and (function := function_of(value)) and SENDS.search(inspect.getsource(function))
    }


def rows() -> set[str]:
    return {f"{method.owner.rpartition('.')[2]}.{method.name}" for method in METHODS_HERE}


def test_only_what_this_openai_lacks_is_left_out() -> None:
    """In 0.28.1 that is nothing."""
    assert {missing for method in METHODS if (missing := absent(method.owner, method.name))} == ABSENT


def test_every_method_that_sends_is_a_row_or_an_exception() -> None:
    found = sending().keys()
    assert len(found) > 60
    assert found - rows() - EXCEPTIONS.keys() == set()
    assert rows() - found - {"FineTune.list_events", "FineTuningJob.list_events"} == set()
    absent_classes = {path.rpartition(".")[2] for path in ABSENT}
    exceptions = {name for name in EXCEPTIONS if name.partition(".")[0] not in absent_classes}
    assert exceptions - found == {"APIRequestor.request_raw", "APIRequestor.arequest_raw"} - found


def test_no_function_of_a_module_sends() -> None:
    functions = {item for module in modules() for item in vars(module).values() if isinstance(item, FunctionType)}
    own = {item for item in functions if item.__module__.startswith("openai")}
    sending = {item.__name__ for item in own if SENDS.search(inspect.getsource(item))}
    assert sending == {"_nested_resource_class_methods", "progress"}  # what makes `list_events`; `meter.refresh()`


@pytest.mark.parametrize("method", METHODS_HERE, ids=lambda method: f"{method.owner}.{method.name}")
def test_every_row_stands_in_openai_and_is_wrapped(method: Any, instrument: Instrument) -> None:
    owner = reduce(getattr, method.owner.split("."), openai)
    original = vars(owner)[method.name]
    instrument()
    replaced = vars(owner)[method.name]
    assert isinstance(replaced, wrapt.FunctionWrapper)
    assert replaced.__wrapped__ is original
    assert len({(row.owner, row.name) for row in METHODS}) == len(METHODS)


# Owner, id of the object or None, method, arguments: what never works in openai, and the operation of its span.
BROKEN: Final[tuple[tuple[str, str | None, str, Json, str], ...]] = (
    *([] if ADOWNLOAD_WORKS else [("File", None, "adownload", {"id": "x-1"}, "download")]),
    ("Engine", None, "amodify", {"sid": "x-1"}, "modify"),
    ("ChatCompletion", None, "aretrieve", {"id": "x-1"}, "retrieve"),
    ("ChatCompletion", None, "retrieve", {"id": 1}, "retrieve"),
    ("Engine", "e-1", "agenerate", {"prompt": "p", "stream": True}, "text_completion"),
    ("Model", None, "retrieve", {"id": 7}, "retrieve"),
    ("Moderation", None, "acreate", {"input": "i", "model": "no-such"}, "moderation"),
    *(("Deployment", None, f"{a}{verb}", {}, verb) for a in ("", "a") for verb in ("create", "list")),
    *(("Deployment", None, f"{a}retrieve", {"id": "x"}, "retrieve") for a in ("", "a")),
    *(("Deployment", None, f"{a}delete", {"sid": "x"}, "delete") for a in ("", "a")),
    ("Deployment", None, "adelete", {**AZURE, "sid": None}, "delete"),
    ("Deployment", None, "aretrieve", AZURE, "retrieve"),
    ("Image", None, "create_edit", {"image": None, "api_type": "nonsense"}, "image_edit"),
)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what agenerate(stream=True) leaves
@pytest.mark.parametrize(("owner", "on", "name", "asked", "operation"), BROKEN)
async def test_what_is_broken_stays_broken_and_its_span_ends(
    owner: str, on: str | None, name: str, asked: Json, operation: str, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_always(Reply(events=[]) if asked.get("stream") else Reply(body={}))

    async def attempt() -> Any:
        caller = Caller(is_async=name.startswith("a"))
        target = owner_of(owner) if on is None else owner_of(owner)(id=on)
        found = await outcome(caller.call(getattr(target, name), **asked))
        await caller.shut()
        return found

    bare = await attempt()
    assert bare.error is not None
    recording = instrument()
    assert await attempt() == bare
    span = recording.only()
    found = attributes(span)
    assert found.get("openai.operation.name", found.get("gen_ai.operation.name")) == operation
    assert (span.status.status_code, found["error.type"]) == (StatusCode.ERROR, bare.error[0].__qualname__)


def test_a_deployment_refuses_before_anything_is_awaited(recording: Recording) -> None:
    """Its asynchronous methods are plain functions with a check: no coroutine is made that nobody awaits."""
    with pytest.raises(openai.error.APIError, match="only available for the Azure"):
        openai.Deployment.alist()
    assert recording.only().name == "list deployments"


def test_an_iteration_of_a_list_that_has_no_pages_fails_after_its_request(
    server: OpenAIServer, recording: Recording
) -> None:
    with pytest.raises(AttributeError, match="auto_paging_iter"):
        openai.Model.auto_paging_iter()
    assert (len(server.requests), recording.only().name) == (1, "list models")
