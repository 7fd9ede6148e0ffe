"""Documents as paragraphs: plain text, Markdown, HTML and PDF. Nothing in them is run or fetched.

PDF by pypdf, HTML by Beautiful Soup.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stages.errors import UserError
from stages.shared.texts.words import count_words
from stages.shared.unicode import storable

_BROKEN = (ValueError, OSError, LookupError, TypeError, AttributeError, RecursionError)
"""What parsers raise of a file that is not what its name says."""
_HEADING = re.compile(r"#{1,6}\s+")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_SENTENCES = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = (
    "p", "li", "pre", "td", "th", "blockquote", "dd", "dt", "figcaption", "caption", "summary",
    "div", "section", "article", "main", "header", "body", "html",
)  # fmt: skip
Paragraph = tuple[str, str]
"""(the heading above it, its text)."""


def paragraphs(path: Path) -> list[Paragraph]:
    """The paragraphs of a document in order, each on one line, headings apart.

    Raises:
        UserError: it cannot be read as what its name says, or there is no text in it.
    """
    try:
        found = list(READERS[path.suffix.lower()](path))
    except _BROKEN as error:
        cause = f"{path} cannot be read as {path.suffix} ({type(error).__name__}: {error})"
        raise UserError(cause[:300], "Take it out of the folder, or save it again.") from None
    kept = [(h, storable(" ".join(text.split()))) for h, text in found if text.strip()]
    if not kept:
        raise UserError(f"there is no text in {path}", "Take it out of the folder; is it a scan?")
    return kept


def _text(path: Path) -> Iterator[Paragraph]:
    for text in re.split(r"\n\s*\n", _decoded(path)):
        yield "", text


def _markdown(path: Path) -> Iterator[Paragraph]:
    heading, lines, fenced = "", list[str](), False
    for line in _decoded(path).splitlines():
        fenced ^= _FENCE.match(line) is not None
        titled = not fenced and _HEADING.match(line)
        if titled or (not fenced and not line.strip()):
            yield heading, "\n".join(lines)
            lines = []
        if titled:
            heading = line[titled.end() :].rstrip(" #")
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def _html(path: Path) -> Iterator[Paragraph]:
    """The texts between the borders of blocks: closing tags are often left out."""
    from bs4 import BeautifulSoup
    from bs4.element import PreformattedString

    heading, block, parts = "", None, list[str]()
    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    for gone in soup(["script", "style", "nav", "footer", "template", "noscript", "title"]):
        gone.decompose()
    for string in soup.find_all(string=True):
        own = string.find_parent([*_HEADINGS, *_BLOCKS])
        if own is not block:
            if block is not None and block.name in _HEADINGS:
                heading = " ".join(" ".join(parts).split())
            else:
                yield heading, " ".join(parts)
            block, parts = own, []
        # Comments and declarations are no text.
        parts += [] if isinstance(string, PreformattedString) else [str(string)]
    yield heading, " ".join(parts)


def _pdf(path: Path) -> Iterator[Paragraph]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted:
            raise ValueError("it is encrypted")
        pages = [page.extract_text() for page in reader.pages]
    except PyPdfError as error:
        raise ValueError(str(error)) from error
    for page in pages:
        for text in re.split(r"\n\s*\n", page):
            yield "", text


def _decoded(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig")


READERS: Mapping[str, Callable[[Path], Iterator[Paragraph]]] = {
    ".txt": _text, ".md": _markdown, ".html": _html, ".htm": _html, ".pdf": _pdf,
}  # fmt: skip
"""By the end of a file's name."""


def passages(given: list[Paragraph], least: int, most: int) -> Iterator[Paragraph]:
    """Paragraphs of one heading, joined up to `most` words; what has under `least` is left out.

    A paragraph of more words is cut between its sentences.
    """
    heading, texts, count = "", list[str](), 0
    for above, text in given:
        for piece in _pieces(text, most):
            words = count_words(piece)
            if texts and (above != heading or count + words > most):
                yield from _if_enough(heading, texts, count, least)
                texts, count = [], 0
            heading, texts, count = above, [*texts, piece], count + words
    yield from _if_enough(heading, texts, count, least)


def _if_enough(heading: str, texts: list[str], count: int, least: int) -> Iterator[Paragraph]:
    if count >= least:
        yield heading, " ".join(texts)


def _pieces(text: str, most: int) -> Iterator[str]:
    """`text` in pieces of at most `most` words, where its sentences allow it."""
    if count_words(text) <= most:
        yield text
        return
    piece = ""
    for sentence in _SENTENCES.split(text):
        if piece and count_words(piece) + count_words(sentence) > most:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
    yield piece
