"""Describes a call that is about to be made: of a public method, or a request of its own."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_plus

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._openai.api_base import ApiBase, read_api_base, requestor_api_base
from otel_openai_v0._openai.operations import MANAGED, OPERATIONS_BY_PATH, VERBS, Method, Operation, management
from otel_openai_v0._openai.request import Arguments, read_model

# Azure's images have a full URL. A custom `api_base` may lack a version.
_PATH: Final = re.compile(r"^(?:https?://[^/?]*)?/*(?:v\d+/)?(?:openai/)?(?P<path>[^?]*)")
# `/engines/ENGINE/...` on OpenAI, `/openai/deployments/DEPLOYMENT/...` on Azure: `EngineAPIResource.class_url`.
_ENGINE: Final = re.compile(r"^(?:engines|deployments)/(?P<engine>[^/]+)/(?P<rest>.+)")
# The path of the resource `fine_tuning.jobs` has a slash.
_TWO_WORDS: Final = frozenset({"fine_tuning", "experimental"})


class Invocation(NamedTuple):
    """One call that is about to be made. `resource` is the kind of object in a management call, such as `files`."""

    operation: Operation
    arguments: Arguments
    api_base: ApiBase
    resource: str | None
    model: str | None
    module_key: Any

    def span_name(self) -> str:
        """The operation, with the model or the kind of object."""
        subject = self.model if self.operation.is_model_call else self.resource
        return f"{self.operation.name} {subject}" if subject else self.operation.name

    def start_attributes(self) -> dict[str, AttributeValue]:
        """The attributes that must be set before sampling."""
        found: dict[str, AttributeValue] = dict(self.api_base.attributes)
        if not self.operation.is_model_call:
            found[names.OPENAI_OPERATION_NAME] = self.operation.name
            if self.resource is not None:
                found[names.OPENAI_RESOURCE_TYPE] = self.resource
            return found
        found[names.OPERATION_NAME] = self.operation.name
        if self.model is not None:
            found[names.REQUEST_MODEL] = self.model
        return found


def of_method(method: Method, target: Any, arguments: Arguments, openai: Any) -> Invocation:
    """Describe a call of a public method on `target`, a class or an object. The id of an Engine is the model."""
    operation = method.operation_on(target)
    if isinstance(target, dict) and "id" in target:
        arguments = {**arguments, "engine" if operation.is_model_call else "id": target["id"]}
    resource = None if operation.is_model_call else _kind_of(target)
    api_base = read_api_base(arguments, openai)
    return Invocation(operation, arguments, api_base, resource, read_model(arguments), openai.api_key)


def _kind_of(target: Any) -> str:
    return str(getattr(target, "OBJECT_NAME", None) or getattr(target, "__name__", type(target).__name__).lower())


def of_request(requestor: Any, given: Arguments) -> Invocation:
    """Describe a request of an APIRequestor by its path."""
    method, path = str(given.get("method")).lower(), _path(given.get("url"))
    arguments = {**_mapping(given.get("params")), **_form(given.get("files"))}
    if (headers := given.get("headers") or given.get("supplied_headers")) is not None:
        arguments["headers"] = headers
    operation = None
    if method == "post":
        if engine := _ENGINE.match(path):
            arguments["engine"], path = unquote_plus(engine["engine"]), engine["rest"]
        operation = OPERATIONS_BY_PATH.get(path.partition(":")[0])  # Azure: `images/generations:submit`
    resource, rest = _resource(path)
    if operation is None:
        operation = management(_verb(method, resource, rest))
        if resource in MANAGED and rest:
            arguments["id"] = unquote_plus(rest[0])
    api_base = requestor_api_base(requestor)
    return Invocation(operation, arguments, api_base, resource, read_model(arguments), requestor.api_key)


def _path(url: Any) -> str:
    found = _PATH.match(str(url or ""))
    return found["path"].strip("/") if found else ""


def _resource(path: str) -> tuple[str | None, list[str]]:
    """The kind of object in a path, and the words after it."""
    words = path.split("/")
    count = 2 if words[0] in _TWO_WORDS else 1
    return ".".join(words[:count]) or None, words[count:]


def _verb(method: str, resource: str | None, rest: list[str]) -> str:
    """The verb of the public method that sends this request, else the HTTP method."""
    asked = (method, *("ID" if n == 0 else word for n, word in enumerate(rest)))
    return VERBS.get(asked, method) if resource in MANAGED else method


def _mapping(params: Any) -> Arguments:
    return params if isinstance(params, Mapping) else {}


def _form(files: Any) -> Arguments:
    """The fields of a form, `(name, (file name or None, value, ...))`, in which openai sends parameters with files."""
    if not isinstance(files, (list, tuple)):
        return {}
    return {name: field[1] for name, field in files if isinstance(field, tuple)}
