"""Row text is never parsed as a template; templates run in a sandbox."""

import itertools
import json
import random
import time

import jinja2.debug
import pytest
from jinja2 import TemplateError

import prompts
from pipelines.store.query.catalog import query
from stages.ask import Reply, Sample
from stages.judge.quality import Quality
from tests.security.watch import effects

assert jinja2.debug  # imported by the first error, which is an effect: files are read
MARKERS = ["{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-%}", "${", "<%", "{{ 7*7 }}", "{% raw %}",
           "{% endraw %}", "{# no #}", "{{ ''.__class__ }}", "# line", "## x", "\\{{", "&lt;", "%(a)s",
           "{0}", "{instruction}", "$instruction", "\u2028", "\u202e", "🦜", "'", '"', "\\n", "\t"]  # fmt: skip


def texts(count):
    draw = random.Random(3)
    words = [*MARKERS, "word", "another", " ", "\n"]
    return ["x" + "".join(draw.choices(words, k=draw.randint(1, 12))) + "x" for _ in range(count)]


def test_ten_thousand_rows_come_out_as_they_went_in():
    for text in texts(10_000):
        ask = Quality().ask({"instruction": text, "response": f"r{text}r"})
        prompt = ask.prompt.messages[-1].content
        assert text in prompt
        assert f"r{text}r" in prompt


def echo(request):
    """A script that answers with the last message."""
    return Reply(samples=(Sample(request.ask.prompt.messages[-1].content),), model="echo")


def test_rows_through_a_run(run_recipe, small_recipe, tmp_path):
    asked = list(dict.fromkeys(texts(2_000)))
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"instruction": text}) + "\n" for text in asked))
    engines = {"main": {"kind": "scripted", "script": "tests.security.test_templates:echo"}}
    stages = [{"use": "source.instructions", "path": str(path)}, {"use": "generate.respond"}]
    run, store = run_recipe(
        small_recipe(engines=engines, stages=stages, placement={"shard_rows": 500})
    )
    rows = query(store, run, "SELECT instruction, response FROM dataset").to_pylist()
    assert sorted(row["instruction"] for row in rows) == sorted(asked)
    assert all(row["response"] == row["instruction"] for row in rows)


STARTS = ["''", "[]", "x", "x.text", "self", "cycler", "joiner", "namespace", "lipsum", "range",
          "dict", "1", "(1).real", "none", "true"]  # fmt: skip
REACHES = [
    ".__class__", ".__class__.__mro__", ".__class__.__base__.__subclasses__()", ".__init__.__globals__",
    "['__class__']", "|attr('__class__')", "|attr('__init__')|attr('__globals__')", ".__dict__",
    ".__class__.__mro__[1].__subclasses__()[0]", ".__reduce__()", ".__getattribute__('__class__')",
    ".__init__.__globals__['os'].popen('id').read()", ".__doc__.__class__", ".__module__.__class__",
    "|map('attr','__class__')|list", ".__init__.__builtins__", ".format.__globals__", ".__call__()",
    ".__class__.__init__.__globals__['__builtins__']['open']('/etc/passwd').read()", ".mro()",
]  # fmt: skip
OTHERS = [
    "{{ '{0.__class__.__init__.__globals__}'.format(x) }}", "{{ '%s'.__mod__(x) }}",
    "{% include '/etc/passwd' %}", "{% include '../pyproject.toml' %}", "{% import 'os' as os %}",
    "{% extends '../../etc/passwd' %}", "{% from 'os' import system %}", "{{ import('os') }}",
    "{{ open('/etc/passwd').read() }}", "{{ __import__('os') }}", "{{ eval('1') }}", "{{ exec('1') }}",
    "{{ x.update({'a': 1}) }}", "{{ x.clear() }}", "{{ range(10000000)|list }}", "{{ undefined_name }}",
    "{% do x.pop() %}", "{% set x.y = 1 %}", "{{ config }}", "{{ request }}", "{{ get_flashed_messages() }}",
    "{{ url_for.__globals__ }}", "{% debug %}", "{{ x|pprint|attr('__class__') }}",
]  # fmt: skip
PAYLOADS = [
    "{{ " + start + reach + " }}" for start, reach in itertools.product(STARTS, REACHES)
] + OTHERS


def test_there_are_three_hundred():
    assert len(PAYLOADS) >= 300


@pytest.mark.parametrize("start", ["", "a "])
def test_a_hostile_template_reaches_nothing(start):
    secret = {"text": "abc", "n": 1}
    environment = prompts._ENVIRONMENT
    for payload in PAYLOADS:
        began = time.thread_time()
        with effects() as heard:
            try:
                out = environment.from_string(start + payload).render(x=secret)
            except (TemplateError, TypeError, ValueError, OverflowError, KeyError):
                out = ""  # refused
        for word in ("<class", "<slot wrapper", "root:x", "built-in", "subclasses", "'os'", "uid="):
            assert word not in out, (payload, out[:200])
        # A template by another name is looked for among ours, and is not there.
        assert not [e for e in heard if "prompts" not in str(e[1]) and "jinja2" not in str(e[1])], (
            heard
        )
        assert time.thread_time() - began < 1
        assert secret == {"text": "abc", "n": 1}


def test_the_check_sees_what_an_open_environment_gives_away():
    from jinja2 import Environment

    assert "<class 'str'>" in Environment().from_string("{{ ''.__class__ }}").render()
    with effects() as heard:
        Environment().from_string(
            "{{ cycler.__init__.__globals__.os.popen('true').read() }}"
        ).render()
    assert any(event.startswith("subprocess.") for event, _ in heard)
