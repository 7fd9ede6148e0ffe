"""Clean an instruction up and drop what no person would ask.

In:  {instruction: "1. Question: Name three rivers. ", finish_reason: "stop"}
Out: {instruction: "Name three rivers."}, or dropped as filter.empty, .truncated, .template_echo,
     .too_short, .too_long, .repetition, .refusal, .self_answered, .preamble, .about_itself,
     .missing_text, .nested_question or .language

Clean-up takes off what sampled user turns carry around the request: list numbers, labels such
as "Question:", wrapping quotes. It never cuts inside the text (Magpie's released clean-up cuts
at the first question mark, which ruins requests of several sentences).
"""

import re
from collections.abc import Callable
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field, StringConstraints
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, Row, RowStage
from stages.shared.texts import flaws, requests
from stages.shared.texts.language import odds_against

_LEADS = re.compile(
    # "24. Dezember" is a date.
    r"^(?:(?P<number>\d{1,2})[.)]\s+(?!(?:Januar|Februar|März|April|Mai|Juni|Juli|August"
    r"|September|Oktober|November|Dezember)\b)|[-*•]\s+(?![\d+(=.])"
    r"|(?:\*\*|#{1,4}\s*)?(?:task|prompt|question|problem|query|request|instruction|user|q|qwen|chatgpt|assistant|ai)"
    r"(?: ?\d{1,2})?(?:\*\*)?:(?:\*\*)?\s*)+",
    re.IGNORECASE,
)
_ANSWERED = re.compile(
    # A label with an answer behind it, and not with a blank or a placeholder.
    r"^(?:Answer|ANSWER|Response|RESPONSE|Solution|SOLUTION)\s*:(?!\s*(?:$|[<\[{_.…]))"
    # "The answer is" with a value that ends the text.
    r"|(?:^|[.?!:]\s+)The (?:correct |final )?answer is:?\s+"
    r"[\"'“(*]*(?:\d|[A-E]\b)[^.?!]{0,40}[.]?\s*\Z"
    # A line of its own that names one of the options.
    r"|^The (?:correct )?answer is:?\s+\(?[A-E](?:[.):]|$)"
    # The other side's turn, or a label in bold or a heading.
    r"|^(?:Assistant|Asistente|Respuesta|Réponse|Antwort)\s?:\s*\S"
    r"|^(?:\*\*|#{1,4} )(?:\w+ )?"
    r"(?:[aA]nswer|[rR]esponse|[sS]olution|Antwort|[rR]éponse|[rR]espuesta)[ \u00a0]?"
    r"(?:\*\*)?(?:\s?:(?:\*\*)?\s*|\n\s*)[^\W_]"
    r"|^To [a-z][^.\n]{2,80}, (?:I|we|you) (?:would|will|can) follow (?:these|the following) steps"
    # Thoughts below the options.
    r"|^[A-Z][.:)] [^\n]*\n\s*To (?:determine|find|solve|answer) [^.\n]{3,100}, (?:we|I|let['’]s) "
    # An empty box, or one with a placeholder, only says where the answer is to go.
    r"|\\boxed\{(?!\s*(?:\}|\.\.|…|(?:your|the|final|answer)\b))",
    re.M,
)
_ANSWER_BELOW = re.compile(
    r"\A[^\n]{10,600}\?[\"”*]*[^\S\n]*\n\s*"
    # What goes on with "Yes, I have" or "No, we" is the person's own.
    r"(?:(?:Yes|No|Ja|Nein|Oui|Non|Sí), (?!no\b|(?:I|we|my|but|ich|wir|je|j'|nous|on|yo)\b)"
    r"|Natürlich kann ich\b|¡?(?:Certainly|Of course|Sure|Absolutely|Natürlich|Selbstverständlich"
    r"|Gerne|Bien sûr|Por supuesto|Claro)\s?[,!]"
    r"|To [a-z][^.\n]{2,80}, (?:I|we|you) (?:would |will |can |could |should )?"
    r"(?:follow|need to|calculate|identify|first|break|start|use)\b"
    r"|Let['’]s (?:denote|calculate|solve)\b)",
)
"""A question, and below it how an assistant begins an answer. A task before the question makes it
material: an FAQ to rewrite, a dialogue to go on with."""
_ASSISTS = re.compile(
    r"\b(?:else (?:that )?i can (?:help|assist)|(?:be )?happy to (?:help|assist)|assist with that"
    r"|provide (?:me with )?more (?:details|information|context))\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"^A\s*:", re.M)
_OPTION = re.compile(r"^B\s*[:.)]", re.M)
_QUOTES = {'"': '"', "“": "”", "'": "'"}


class Instruction(RowStage):
    """Lengths are in characters, after clean-up."""

    version: ClassVar[int] = 7
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction", "finish_reason")
    adds: ClassVar[Columns] = {"instruction": pa.string()}
    removes: ClassVar[tuple[str, ...]] = ("finish_reason",)

    min_chars: int = Field(12, ge=1)
    max_chars: int = Field(2000, ge=1)
    languages: tuple[Annotated[str, StringConstraints(pattern="^[a-z]{2}$")], ...] = ()
    """ISO 639-1 codes that pass; empty: any."""
    odds: float = Field(20, ge=1)
    """How many times likelier another language must be before a text is dropped for it."""

    @override
    def decide(self, row: Row) -> Fate:
        if row["finish_reason"] == "length":
            return Dropped("filter.truncated", "ran into max_tokens")
        text = clean(row["instruction"] or "")
        reason = self.reason(text)
        return Dropped(reason, text[:80]) if reason else Kept({"instruction": text})

    def reason(self, text: str) -> str:
        """Why the cleaned `text` is dropped; empty if it passes."""
        checks: tuple[tuple[str, Callable[[str], object]], ...] = (
            ("filter.empty", lambda t: not t),
            ("filter.template_echo", flaws.echoes_template),
            ("filter.too_short", lambda t: len(t) < self.min_chars),
            ("filter.too_long", lambda t: len(t) > self.max_chars),
            ("filter.repetition", flaws.repeats),
            ("filter.refusal", _refuses),
            ("filter.self_answered", _answers_itself),
            ("filter.preamble", requests.has_preamble),
            ("filter.about_itself", requests.is_about_itself),
            ("filter.missing_text", requests.misses_text),
            ("filter.nested_question", requests.quotes_a_question),
            ("filter.language", self._foreign),
        )
        return next((reason for reason, fails in checks if fails(text)), "")

    def _foreign(self, text: str) -> bool:
        return bool(self.languages) and odds_against(text, self.languages) >= self.odds


def _refuses(text: str) -> bool:
    """A refusal asks nothing: "I can't create a folder; how do I …?" is a person's.

    Unless it asks what an assistant asks.
    """
    asks = "?" in text or ";" in text
    return flaws.refuses(text) and (not asks or _ASSISTS.search(text) is not None)


def _answers_itself(text: str) -> bool:
    """An answer stands below the question; "A:" is one unless it is an option beside "B:"."""
    if _ANSWERED.search(text) or _ANSWER_BELOW.match(text):
        return True
    return _ANSWER.search(text) is not None and _OPTION.search(text) is None


def clean(text: str) -> str:
    """`text` without list number, label, wrapping quotes and outer white space.

    A number that others follow in the text is the text's own: moves of a game, steps.
    """
    text = text.strip()
    lead = _LEADS.match(text)
    if lead is not None and not _counts_on(text, lead["number"]):
        text = text[lead.end() :].strip()
    if len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _counts_on(text: str, number: str | None) -> bool:
    return number is not None and bool(re.search(rf"\b{int(number) + 1}[.)]", text))
