"""Which package may import which, and what importing them costs."""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

from otel_openai_v0 import _interface as v0_interface
from tests.support.program import CHECKOUT, run_program

ALLOWED = {
    "src/otel_openai_v0": {"opentelemetry", "wrapt"},
    "exporter/otel_wandb": {"opentelemetry", "wandb", "requests", "google"},
    "src/otel_openai_wandb": {
        *{"opentelemetry", "wrapt", "otel_openai_v0", "otel_wandb"},
        *{"wandb", "openai", "requests", "rich", "pyarrow", "confluent_kafka"},
        *{"uvicorn", "grpc", "google", "prometheus_client"},
    },
}
# The rooms of a package: what a module in one may import of the others. "" is the package's own folder; a module there
# that is above the other rooms has a line of its own.
ROOMS: dict[str, dict[str, set[str]]] = {
    "src/otel_openai_v0": {
        "": {"_patching", "_calls", "_telemetry", "_content", "_base"},
        "_patching": {"_calls", "_openai", "_base"},
        "_calls": {"_openai", "_telemetry", "_content", "_base"},
        "_openai": {"_content", "_base"},
        "_telemetry": {"_content", "_base"},
        "_content": {"_base"},
        "_base": set(),
    },
    "exporter/otel_wandb": {
        "_interface": {
            *{"_runs", "_weave", "_page", "_journal", "_records", "_costs", "_traces", "_genai", "_spans", "_process"},
            *{"_delivery", "_otlp"},
            "",
        },
        "": {"_delivery", "_runs", "_weave", "_costs", "_traces", "_spans", "_process"},
        "_delivery": {"_runs", "_journal", "_records", "_traces", "_spans", "_process"},
        "_otlp": {"_spans"},
        "_weave": {"_journal", "_traces", "_spans", "_process"},
        "_runs": {"_page", "_journal", "_records", "_traces", "_spans", "_process"},
        "_page": {"_journal"},
        "_journal": {"_records", "_costs", "_traces", "_genai", "_spans"},
        "_records": {"_costs", "_traces", "_genai", "_spans"},
        "_costs": {"_genai"},
        "_traces": {"_costs", "_genai", "_spans"},
        "_genai": {"_spans"},
        "_spans": set(),
        "_process": set(),
    },
    "src/otel_openai_wandb": {
        "__main__": {"_cli"},
        "_cli": {"_demo", "_doctor", "_export", "_gateway", "_kafka", "_reading", "_view", ""},
        "demo_server": {"_demo"},
        "_doctor": {"_demo", ""},
        "_demo": {"_reading", ""},
        "_view": {"_reading"},
        "_export": {"_reading"},
        "_gateway": set(),
        "_kafka": set(),
        "_reading": set(),
        "": {"_reading", "_view"},
    },
}
MOST_MODULES = 12  # in a folder
PRIVATE_IN_WANDB = ("wandb.sdk", "wandb.proto", "wandb.util")
LATE = {"openai", "wandb", "rich", "requests"}  # inside functions only


def modules(package: str) -> list[Path]:
    found = sorted((CHECKOUT / package).rglob("*.py"))
    assert found
    return found


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module.partition(".")[0]}
    return set()


def names_of(nodes: Iterable[ast.AST]) -> set[str]:
    return {name for node in nodes for name in imported(node)}


def type_checking(tree: ast.Module) -> set[ast.AST]:
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {inner for block in blocks for inner in ast.walk(block)}


@pytest.mark.parametrize("package", ALLOWED)
def test_the_arrows_between_the_packages(package: str) -> None:
    own = Path(package).name
    for path in modules(package):
        tree = ast.parse(path.read_text())
        foreign = names_of(ast.walk(tree)) - sys.stdlib_module_names - {own}
        assert foreign <= ALLOWED[package], path.name


def module_of(path: Path) -> str:
    """The dotted name of a module; a package's is its folder's."""
    parts = path.relative_to(CHECKOUT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def own_imports(package: str) -> dict[str, set[str]]:
    """The modules of its own package that each module imports."""
    paths = {module_of(path): path for path in modules(package)}
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        names = {(node.module or "", alias.name) for node in nodes for alias in node.names}
        found[module] = {
            name if name in paths else of for of, name in ((of, f"{of}.{n}") for of, n in names) if of in paths
        }
    return found


def room_of(module: str, rooms: Mapping[str, set[str]]) -> str:
    """The folder below the package, "" for the package's own."""
    parts = module.split(".")
    is_room = len(parts) > 2 or (len(parts) > 1 and parts[1] in rooms)
    return parts[1] if is_room else ""


@pytest.mark.parametrize("package", ROOMS)
def test_the_arrows_between_the_rooms(package: str) -> None:
    rooms = ROOMS[package]
    arrows = {
        (room_of(source, rooms), room_of(target, rooms))
        for source, targets in own_imports(package).items()
        for target in targets
    }
    assert {(source, target) for source, target in arrows if source != target} == {
        (source, target) for source, targets in rooms.items() for target in targets
    }
    assert set(rooms) == {room_of(module, rooms) for module in own_imports(package)}


@pytest.mark.parametrize("package", ROOMS)
def test_there_is_no_circle_between_rooms(package: str) -> None:
    TopologicalSorter(ROOMS[package]).prepare()


@pytest.mark.parametrize("package", ROOMS)
def test_there_is_no_circle_between_modules(package: str) -> None:
    TopologicalSorter(own_imports(package)).prepare()


@pytest.mark.parametrize("package", ROOMS)
def test_no_module_is_imported_for_its_types_only(package: str) -> None:
    """One that is imported in a function, when it is needed, may be named above for its types."""
    own = Path(package).name
    for path in modules(package):
        tree = ast.parse(path.read_text())
        hidden = type_checking(tree)
        found = {True: set[str](), False: set[str]()}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == own:
                found[node in hidden].add(node.module or "")
        assert found[True] <= found[False], path.name


@pytest.mark.parametrize("package", ROOMS)
def test_no_folder_has_too_many_modules(package: str) -> None:
    folders = Counter(path.parent for path in modules(package))
    assert {folder.name: count for folder, count in folders.items() if count > MOST_MODULES} == {}


@pytest.mark.parametrize("package", ROOMS)
def test_the_design_notes_show_the_rooms(package: str) -> None:
    own = f"{Path(package).name}/*.py"
    shown = "\n".join(
        f"    {room or own:18s} -> {', '.join(sorted(target or own for target in targets)) or 'nothing'}"
        for room, targets in ROOMS[package].items()
    )
    assert shown in (CHECKOUT / Path(package).parent / "DESIGN.md").read_text(), shown


@pytest.mark.parametrize("package", ["src/otel_openai_v0", "exporter/otel_wandb"])
def test_what_is_slow_to_import_is_imported_late(package: str) -> None:
    for path in modules(package):
        tree = ast.parse(path.read_text())
        ignored = type_checking(tree)
        at_the_top = [node for node in tree.body if node not in ignored]
        assert not names_of(at_the_top) & LATE, path.name


def test_the_front_door_uses_public_names_and_one_module_of_each_package() -> None:
    used: dict[str, set[str]] = {"otel_openai_v0": set(), "otel_wandb": set()}
    for path in modules("src/otel_openai_wandb"):
        tree = ast.parse(path.read_text())
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not plain & used.keys(), path.name
        for node in ast.walk(tree):
            package, _, module = (
                (node.module or "").partition(".") if isinstance(node, ast.ImportFrom) else ("", "", "")
            )
            if isinstance(node, ast.ImportFrom) and package in used:
                names = {alias.name for alias in node.names}
                is_internal = module.partition(".")[0] == "_interface"
                assert is_internal or names <= set(import_module(package).__all__), path.name
                used[package] |= names if is_internal else set()
    assert used == {"otel_openai_v0": set(v0_interface.__all__), "otel_wandb": offered_by_the_exporter()}


def offered_by_the_exporter() -> set[str]:
    """The names in the modules of `otel_wandb._interface`, each once."""
    nodes = [
        node
        for path in sorted((CHECKOUT / "exporter/otel_wandb/_interface").glob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom)
    ]
    names = [alias.name for node in nodes for alias in node.names]
    assert len(names) == len(set(names)) > 50
    return set(names)


def test_wandb_is_touched_in_one_room() -> None:
    touching = set()
    for path in modules("exporter/otel_wandb"):
        tree = ast.parse(path.read_text())
        if "wandb" in names_of(set(ast.walk(tree)) - type_checking(tree)):
            touching.add(room_of(module_of(path), ROOMS["exporter/otel_wandb"]))
    assert touching == {"_runs"}


def test_the_private_parts_of_wandb_are_used_in_one_folder() -> None:
    """Those modules of wandb that are not documented, whether a statement or a text names them."""
    using = set()
    for package in ("exporter/otel_wandb", "src/otel_openai_wandb"):
        for path in modules(package):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
            names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
            names += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            if any(name.startswith(PRIVATE_IN_WANDB) for name in names):
                using.add(path)
    assert {path.parent for path in using} == {CHECKOUT / "exporter/otel_wandb/_runs/private"}
    assert len(using) > 1


def test_auto_instrumentation_of_an_empty_program_imports_neither_openai_nor_wandb(tmp_path: Path) -> None:
    source = "import sys\nprint(sorted({'openai', 'wandb', 'rich', 'requests'} & set(sys.modules)))"
    env = {
        "OTEL_TRACES_EXPORTER": "wandb",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests,aiohttp-client",  # the extra `test` has them; they import
    }
    done = run_program(tmp_path, source, env=env, command=("opentelemetry-instrument", "python"))
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_a_setting_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    env = {
        "OTEL_TRACES_EXPORTER": "wandb",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_WANDB_EXIT_TIMEOUT": "-1",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "maybe",
    }
    done = run_program(tmp_path, "print('ran')", env=env, command=("opentelemetry-instrument", "python"))
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert done.stderr.count("OTEL_WANDB_EXIT_TIMEOUT='-1' is not a positive number of seconds; using 30") == 1
    assert done.stderr.count("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT='maybe' is none of") == 1
