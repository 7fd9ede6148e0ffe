"""Documents as paragraphs: plain text, Markdown, HTML and PDF. Nothing in them is run or fetched.

PDF by pypdf, HTML by Beautiful Soup; pages without text, such as scans, give nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stages.errors import UserError
from stages.shared.unicode import storable

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_BLOCKS = ("p", "li", "pre", "td", "th", "blockquote", "dd", "dt", "figcaption")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BROKEN = (ValueError, OSError, LookupError, TypeError, AttributeError, RecursionError)
"""What parsers raise of a file that is not what its name says."""
Paragraph = tuple[str, str]
"""(the heading above it, its text)."""


def paragraphs(path: Path) -> Iterator[Paragraph]:
    """The paragraphs of a document in order, each on one line, headings apart.

    Raises:
        UserError: it cannot be read as what its name says.
    """
    try:
        found = READERS[path.suffix.lower()](path)
        yield from ((h, storable(" ".join(text.split()))) for h, text in found if text.strip())
    except _BROKEN as error:
        cause = f"{path} cannot be read as {path.suffix} ({type(error).__name__}: {error})"
        raise UserError(cause[:300], "Take it out of the folder, or save it anew.") from None


def _text(path: Path) -> Iterator[Paragraph]:
    for text in re.split(r"\n\s*\n", _decoded(path)):
        yield "", text


def _markdown(path: Path) -> Iterator[Paragraph]:
    heading = ""
    # A heading ends the paragraph before it, with or without a blank line.
    for text in re.split(r"\n\s*\n|\n(?=#{1,6}\s)|(?<=\n)(?=#{1,6}\s)", _decoded(path)):
        first, _, rest = text.strip().partition("\n")
        found = _HEADING.match(first)
        heading = found[1] if found else heading
        yield heading, rest if found else text


def _html(path: Path) -> Iterator[Paragraph]:
    from bs4 import BeautifulSoup

    heading, soup = "", BeautifulSoup(path.read_bytes(), "html.parser")
    for gone in soup(["script", "style", "nav", "header", "footer", "template", "noscript"]):
        gone.decompose()
    for tag in soup.find_all([*_HEADINGS, *_BLOCKS]):
        if tag.name in _HEADINGS:
            heading = " ".join(tag.get_text(" ").split())
        elif tag.find(_BLOCKS) is None:  # the innermost: no text twice
            yield heading, tag.get_text(" ")


def _pdf(path: Path) -> Iterator[Paragraph]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        pages = [] if reader.is_encrypted else [page.extract_text() for page in reader.pages]
    except PyPdfError as error:
        raise ValueError(str(error)) from error
    if reader.is_encrypted:
        raise UserError(f"{path} is encrypted", "Take it out of the folder, or save it without.")
    for page in pages:
        for text in re.split(r"\n\s*\n", page):
            yield "", text


def _decoded(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


READERS: Mapping[str, Callable[[Path], Iterator[Paragraph]]] = {
    ".txt": _text, ".md": _markdown, ".html": _html, ".htm": _html, ".pdf": _pdf,
}  # fmt: skip
"""By the end of a file's name."""


def passages(given: Iterator[Paragraph], least: int, most: int) -> Iterator[Paragraph]:
    """Paragraphs of one heading, joined up to `most` words; what has under `least` is left out.

    A paragraph of more words is cut at the end of a sentence where there is one.
    """
    heading, words = "", list[str]()
    for above, text in given:
        for piece in _pieces(text.split(), most):
            if words and (above != heading or len(words) + len(piece) > most):
                yield from _if_enough(heading, words, least)
                words = []
            heading, words = above, words + piece
    yield from _if_enough(heading, words, least)


def _if_enough(heading: str, words: list[str], least: int) -> Iterator[Paragraph]:
    if len(words) >= least:
        yield heading, " ".join(words)


def _pieces(words: list[str], most: int) -> Iterator[list[str]]:
    while len(words) > most:
        ends = [i for i in range(most // 2, most) if words[i][-1] in ".!?。！？"]
        cut = ends[-1] + 1 if ends else most
        yield words[:cut]
        words = words[cut:]
    yield words
