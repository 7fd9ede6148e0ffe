"""No pickle is read from a disk: the suite's hook, and the code."""

import ast
import pickle
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {"read_pickle", "to_pickle", "allow_pickle"}


class Thing:
    pass


def test_the_hook_sees_a_pickle():
    content = pickle.dumps(Thing())
    with pytest.raises(RuntimeError, match=r"a pickle asks for .*Thing"):
        pickle.loads(content)


def test_the_code_has_none():
    for path in sorted(
        p for room in ("pipelines", "stages", "prompts") for p in (ROOT / room).rglob("*.py")
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            named = set()
            if isinstance(node, ast.Import):
                named = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named = {(node.module or "").split(".")[0]}
            assert not named & MODULES, path
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", "")
                assert name not in CALLS, path
                assert not (
                    name == "load" and getattr(node.func.value, "id", "") in ("torch", "np")
                ), path
                assert not any(word.arg == "allow_pickle" for word in node.keywords), path


def test_prefect_keeps_no_results():
    """Its default serializer is pickle; a run's results are in its store."""
    from pipelines.flows import firing, steps

    for module in (steps, firing):
        text = Path(module.__file__).read_text()
        assert "persist_result=True" not in text
        assert text.count("@flow(") + text.count("@task(") == text.count("persist_result=False")
