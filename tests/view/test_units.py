import json
import re
from pathlib import Path
from typing import Any

from tests.support.openai_server import OpenAIServer
from tests.support.program import run_program
from tests.view.corpus import HOSTILE
from tests.web import answered, bundled, checked, units

EVERY_CHARACTER = json.loads(json.dumps("".join(map(chr, range(0x10000))) + "\U0001f600\U000e0041"))
ARGUMENTS = '{"query":"kettle","k":3}'
RUN = """
    import json, sys
    import openai
    openai.api_base, openai.api_key = sys.argv[1], "sk-test"
    for call in json.load(open(sys.argv[2])):
        exec(call)
"""


def test_what_the_page_computes(node: None, tmp_path: Path) -> None:
    done = units(tmp_path)
    assert re.findall(r"^not ok .*?^  \.\.\.$", done.stdout, re.MULTILINE | re.DOTALL) == []
    assert done.returncode == 0, done.stderr


def test_the_types_of_those_tests(node: None) -> None:
    done = checked()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


CASES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    *(
        (
            {"call": {}, "asked": [text("system", hostile), text("user", hostile)]},
            "/v1/chat/completions",
            {"model": "gpt-3.5-turbo", "messages": [{"role": role, "content": hostile} for role in ("system", "user")]},
        )
        for hostile in (*HOSTILE, EVERY_CHARACTER, '"""', "\\", "\\n", "'\"", "\\N{BULLET} %s {x}", "")
    ),
    (
        {
            "call": {
                "parameters": {"temperature": 0.3, "n": 2, "stop": None, "stream": True, "logit_bias": {"50256": -100}}
            },
            "asked": [text("user", "Hi")],
        },
        "/v1/chat/completions",
        {
            "model": "gpt-3.5-turbo",
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.3,
            "n": 2,
            "stop": None,
            "stream": True,
            "logit_bias": {"50256": -100},
        },
    ),
    (
        {
            "call": {},
            "asked": [
                text("user", "Which?"),
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": "look", "arguments": json.loads(ARGUMENTS)}],
                },
                {"role": "function", "name": "look", "parts": [{"type": "tool_call_response", "response": "a \ud800"}]},
            ],
            "tools": [
                {"type": "function", "name": "look", "parameters": {"type": "object", "required": [], "x": True}}
            ],
        },
        "/v1/chat/completions",
        {
            "model": "gpt-3.5-turbo",
            "messages": [
                {"role": "user", "content": "Which?"},
                {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": ARGUMENTS}},
                {"role": "function", "name": "look", "content": "a \ud800"},
            ],
            "functions": [{"name": "look", "parameters": {"type": "object", "required": [], "x": True}}],
        },
    ),
    (
        {"call": {"operation": "text_completion"}, "asked": [{"text": "Once\n"}, {"text": "\u202e"}]},
        "/v1/completions",
        {"model": "gpt-3.5-turbo", "prompt": ["Once\n", "\u202e"]},
    ),
    (
        {"call": {"parameters": {"x=1)\nraise SystemExit(7)#": 1, "class": "a", "naïve": [], "": {}}}, "asked": []},
        "/v1/chat/completions",
        {"model": "gpt-3.5-turbo", "messages": [], "x=1)\nraise SystemExit(7)#": 1, "class": "a", "naïve": [], "": {}},
    ),
]


def test_a_call_as_python_asks_the_same_again(node: None, server: OpenAIServer, tmp_path: Path) -> None:
    """Also of a journal that somebody else wrote: its names and texts are data."""
    (module,) = bundled(tmp_path, "python_calls.ts")
    (tmp_path / "calls.json").write_text(json.dumps(answered(module, [given for given, _, _ in CASES])))
    run_program(tmp_path, RUN, server.url, str(tmp_path / "calls.json"))
    assert [(asked.path, asked.json) for asked in server.requests] == [(path, body) for _, path, body in CASES]
