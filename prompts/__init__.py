"""Prompt templates: Markdown files with Jinja holes, one per question put to a model.

`render("judge/quality", instruction=..., response=...)` fills `prompts/judge/quality.md.j2`.
Templates are ours; row text only ever fills a hole and is never parsed as a template, so a row
that contains `{{ x }}` comes out with `{{ x }}`. A name the template uses and nobody gave is an
error, not an empty string; so is a null, which would otherwise be the word None. `digest(name)`
is part of a stage's fingerprint: an edited prompt recomputes what it decided.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment


class NullHole(ValueError):
    """A template was to be filled with a null."""


def _there(value: object) -> object:
    if value is None:
        raise NullHole("a value that the prompt is to hold is null")
    return value


_FOLDER = Path(__file__).parent
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    loader=FileSystemLoader(_FOLDER),
    undefined=StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
    finalize=_there,
)


def render(name: str, /, **values: object) -> str:
    """Fill the template `prompts/<name>.md.j2`.

    Raises:
        NullHole: a value that it writes is None.
        jinja2.UndefinedError: the template uses a name that `values` lacks.
        jinja2.TemplateNotFound: there is no such template.
    """
    return _ENVIRONMENT.get_template(f"{name}.md.j2").render(values).strip()


def fill(template: str, values: Mapping[str, object]) -> str:
    """Fill a template that a recipe brings. Raises as `render` does."""
    return _compiled(template).render(values).strip()


@cache
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)


@cache
def holes(template: str) -> tuple[str, ...]:
    """The names that a template is filled by, sorted.

    Raises:
        ValueError: it is no template.
    """
    try:
        parsed = _ENVIRONMENT.parse(template)
        if any(find_referenced_templates(parsed)):
            raise ValueError("a template stands alone: it includes and extends no other")
        return tuple(sorted(find_undeclared_variables(parsed)))
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the template: {error.message}") from None


def names() -> list[str]:
    """All templates there are."""
    files = _FOLDER.rglob("*.md.j2")
    return sorted(f.relative_to(_FOLDER).as_posix().removesuffix(".md.j2") for f in files)


@cache
def text(name: str) -> str:
    """The template as it stands in its file."""
    return (_FOLDER / f"{name}.md.j2").read_text(encoding="utf-8")


@cache
def digest(name: str) -> str:
    """Sha256 of the template's bytes, in hex."""
    return hashlib.sha256(text(name).encode()).hexdigest()
