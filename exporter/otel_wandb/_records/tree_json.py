"""Writes the JSON for W&B's trace panel, as `wandb.sdk.data_types.trace_tree.WBTraceTree` of wandb 0.31 does.

wandb's class is not used because it deep-copies every span, and writes an empty trace if one value cannot be written.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from otel_wandb._records.timeline import Layout, Node, Result, Timeline, drawn, lay_out
from otel_wandb._spans.clean import LONGEST_TEXT, Json
from otel_wandb._traces.read_trace import ReadTrace

# A history line of more than 10,383,360 bytes is skipped with a warning, and this JSON is escaped again in it.
_LARGEST: Final = 4_000_000
_SHORTER_TEXTS: Final = (LONGEST_TEXT, 5_000, 500)
_MOST_RESULTS: Final = 100  # if only the root is written


@dataclass(frozen=True, slots=True)
class TreeJson:
    """`root` and `model` are JSON texts; `model_hash` groups traces of one architecture."""

    root: str
    model: str
    model_hash: str

    def value(self) -> Mapping[str, str]:
        """The value for the panel in a history row."""
        return {
            "_type": "wb_trace_tree",
            "model_hash": self.model_hash,
            "model_dict_dumps": self.model,
            "root_span_dumps": self.root,
        }


def fitting_tree(read: ReadTrace) -> tuple[Timeline, TreeJson]:
    """The timeline of a trace, with texts as long as W&B accepts them. If the tree does not fit, only its root."""
    layout = lay_out(read)
    for longest in _SHORTER_TEXTS:
        if _characters(layout, longest) > _LARGEST:  # the texts alone are too large
            continue
        tree = drawn(layout, longest)
        found = tree_json(tree)
        if len(found.root) + len(found.model) <= _LARGEST:
            return tree, found
    tree = drawn(layout, _SHORTER_TEXTS[-1])
    is_joining = tree.root.span_id == read.trace.trace_id
    left_out = len(read.trace.spans) - (0 if is_joining else 1)
    notes: Mapping[str, Json] = {"trace.cut": "too large for W&B's panel", "trace.spans_left_out": left_out}
    root = replace(tree.root, children=(), attributes=notes, results=tree.root.results[:_MOST_RESULTS])
    tree = replace(tree, root=root, model={"_kind": "chain"}, left_out=left_out)
    return tree, tree_json(tree)


def tree_json(tree: Timeline) -> TreeJson:
    """The tree as JSON."""
    model = json.dumps(tree.model, allow_nan=False)
    digest = hashlib.md5(model.encode(), usedforsecurity=False).hexdigest()[:16]
    return TreeJson(json.dumps(_span(tree.root), allow_nan=False), model, digest)


def _characters(layout: Layout, longest: int) -> int:
    texts = (value for span in layout.placed.values() for value in span.attributes.values() if isinstance(value, str))
    return sum(min(len(text), longest) for text in texts)


def _span(node: Node) -> Mapping[str, Any]:
    return {
        "span_id": node.span_id,
        "name": node.name,
        "start_time_ms": node.start_ms,
        "end_time_ms": node.end_ms,
        "status_code": "ERROR" if node.is_error else "SUCCESS",
        "status_message": node.message,
        "attributes": node.attributes,
        "results": [_result(result) for result in node.results],
        "child_spans": [_span(child) for child in node.children],
        "span_kind": node.kind.value,
    }


def _result(result: Result) -> Mapping[str, Any]:
    return {"inputs": result.inputs, "outputs": result.outputs}
