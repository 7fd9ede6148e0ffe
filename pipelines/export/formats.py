"""The shapes that a dataset is written in.

TRL's, each a type that `datasets` loads and its trainers read:

`trl-sft`                `messages`, a list of {role, content}, of the rows that have any
`trl-prompt-completion`  `prompt` and `completion`, each a list of messages
`trl-dpo`                `prompt`, `chosen` and `rejected`, each a list of messages, and the scores
`trl-tpo`                the same with `reference`, the answer that is imitated
`trl-reward`             `chosen` and `rejected` as whole conversations, for a reward trainer
`trl-kto`                `prompt`, `completion` and `label`, each answer of the pairs once
`trl-stepwise`           `prompt`, `completions` (steps) and `labels`
`trl-grpo`               `prompt` and `answer`, what is known to be right; `task_key` for the scorer
                         of `verify.procedural`

Others:

`sharegpt`     `conversations`, a list of {from, value}: system, human, gpt, tool
`alpaca`       `instruction`, `input` and `output`
`axolotl`      `messages`, which its `chat_template` type reads
`axolotl-dpo`  `messages`, `chosen` and `rejected`, one message each, which `chat_template.default`
               reads for preferences
`openai`       JSON lines of {"messages": […]}, for fine-tuning
`openai-dpo`   JSON lines of {"input", "preferred_output", "non_preferred_output"}
`magpie`       the column names of Magpie's published sets, as far as the run has them
`rows`         all columns but the embedding

A row's `system` column, where there is one, becomes the first message of a prompt or conversation.
Pairs that are ties are in `trl-dpo` and `rows` alone, with the column `tie`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.store.query.catalog import quoted

_PAIR = ("instruction", "chosen", "rejected")
_WHOLE_PAIR = "instruction IS NOT NULL AND chosen <> '' AND rejected <> '' AND chosen <> rejected"
"""Neither is null, which is unequal to nothing."""
_ANSWERED = "instruction IS NOT NULL AND response <> ''"
_TALKS = "len(messages) > 0"
_TOLD = "[{'role': 'system', 'content': system::VARCHAR}]"
_UNTOLD = "system IS NULL OR system::VARCHAR = ''"
_SCORES = (
    "chosen_score", "rejected_score", "margin", "strength", "chosen_win_rate", "rejected_win_rate",
    "target", "tie", "goal", "curriculum",
)  # fmt: skip


def _said(column: str) -> str:
    return f"[{{'role': 'assistant', 'content': {column}}}]"


_FROM = """
list_transform(MESSAGES, lambda turn: {
    'from': CASE turn.role WHEN 'user' THEN 'human' WHEN 'assistant' THEN 'gpt' ELSE turn.role END,
    'value': turn.content
}) AS conversations
"""


_ONCE = """
SELECT min(id) AS id, prompt, completion, bool_and(label) AS label FROM ({})
GROUP BY prompt, completion HAVING bool_and(label) = bool_or(label) ORDER BY id, label DESC
"""
"""An answer that stands in several pairs once; one that wins here and loses there is left out."""


@dataclass(frozen=True, slots=True)
class Format:
    """`needs`: columns that the dataset must have; `more`: columns that go along where it has them.

    `select`: what is written, in DuckDB's SQL, empty for all columns; `PROMPT` in it stands for the
    row's prompt. `second`: the same for the second of two rows, of a format that makes two of each.
    `MESSAGES` stands for the row's conversation. `whole`: a query of that query, `{}` in it.
    `decided`: without pairs that are ties. `lines`: JSON lines in place of Parquet.
    """

    needs: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    where: str = "true"
    whole: str = ""
    decided: bool = False
    lines: bool = False

    def fits(self, columns: tuple[str, ...]) -> str:
        """The condition that rows of a dataset with these columns are written on, in SQL."""
        return self.where + (" AND tie IS NOT TRUE" if self.decided and "tie" in columns else "")

    def sql(self, columns: tuple[str, ...], among: str = "true") -> str:
        """The query, of a dataset with these columns; `among`: a further condition on its rows."""
        where = f"{self.fits(columns)} AND {among}"
        if not self.select:
            return f"SELECT {', '.join(map(quoted, columns))} FROM dataset WHERE {where}"
        more = tuple(quoted(name) for name in self.more if name in columns)
        parts = [(*self.select, *more), *([(*self.second, *more)] if self.second else [])]
        both = " UNION ALL ".join(
            f"SELECT {', '.join(part)} FROM dataset WHERE {where}" for part in parts
        )
        sql = self.whole.format(both) if self.whole else both
        return sql.replace("PROMPT", _prompt(columns)).replace("MESSAGES", _messages(columns))


def _prompt(columns: tuple[str, ...]) -> str:
    asked = "[{'role': 'user', 'content': instruction}]"
    if "system" not in columns:
        return asked
    return f"CASE WHEN {_UNTOLD} THEN {asked} ELSE {_TOLD} || {asked} END"


def _messages(columns: tuple[str, ...]) -> str:
    """The row's conversation, after its system message if it does not begin with one."""
    if "system" not in columns:
        return "messages"
    begun = f"{_UNTOLD} OR messages[1].role = 'system'"
    return f"CASE WHEN {begun} THEN messages ELSE {_TOLD} || messages END"


FORMATS: Mapping[str, Format] = {
    "trl-sft": Format(
        needs=("instruction", "response"),
        select=("id", "MESSAGES AS messages"),
        where=_TALKS,
    ),
    "trl-prompt-completion": Format(
        needs=("instruction", "response"),
        select=("id", "PROMPT AS prompt", f"{_said('response')} AS completion"),
        where=_ANSWERED,
    ),
    "trl-dpo": Format(
        needs=_PAIR,
        select=(
            "id", "PROMPT AS prompt",
            f"{_said('chosen')} AS chosen", f"{_said('rejected')} AS rejected",
        ),
        more=_SCORES,
        where=_WHOLE_PAIR,
    ),
    "trl-tpo": Format(
        needs=(*_PAIR, "reference"),
        select=(
            "id", "PROMPT AS prompt", f"{_said('reference')} AS reference",
            f"{_said('chosen')} AS chosen", f"{_said('rejected')} AS rejected",
        ),
        more=("reference_score", *_SCORES),
        where=f"{_WHOLE_PAIR} AND reference <> ''",
        decided=True,
    ),
    "trl-reward": Format(
        needs=_PAIR,
        select=(
            "id",
            f"PROMPT || {_said('chosen')} AS chosen",
            f"PROMPT || {_said('rejected')} AS rejected",
        ),
        more=("margin",),
        where=_WHOLE_PAIR,
        decided=True,
    ),
    "trl-kto": Format(
        needs=_PAIR,
        select=("id", "PROMPT AS prompt", f"{_said('chosen')} AS completion", "true AS label"),
        second=("id", "PROMPT AS prompt", f"{_said('rejected')} AS completion", "false AS label"),
        where=_WHOLE_PAIR,
        decided=True,
        whole=_ONCE,
    ),
    "trl-stepwise": Format(
        needs=("instruction", "steps", "step_labels"),
        select=("id", "instruction AS prompt", "steps AS completions", "step_labels AS labels"),
        where="instruction IS NOT NULL AND len(steps) = len(step_labels) AND len(steps) > 0",
    ),
    "trl-grpo": Format(
        needs=("instruction", "expected"),
        select=("id", "PROMPT AS prompt", "expected AS answer"),
        more=("task", "task_key"),
        where="instruction IS NOT NULL AND expected IS NOT NULL",
    ),
    "sharegpt": Format(
        needs=("instruction", "response"), select=("id", _FROM), where=_TALKS
    ),
    "alpaca": Format(
        needs=("instruction", "response"),
        select=("instruction", "'' AS input", "response AS output"),
        where=_ANSWERED,
    ),
    "axolotl": Format(
        needs=("instruction", "response"),
        select=("MESSAGES AS messages",),
        where=_TALKS,
    ),
    "axolotl-dpo": Format(
        needs=_PAIR,
        select=(
            "PROMPT AS messages",
            "{'role': 'assistant', 'content': chosen} AS chosen",
            "{'role': 'assistant', 'content': rejected} AS rejected",
        ),
        where=_WHOLE_PAIR,
        decided=True,
    ),
    "openai": Format(
        needs=("instruction", "response"),
        select=("MESSAGES AS messages",),
        where=_TALKS,
        lines=True,
    ),
    "openai-dpo": Format(
        needs=_PAIR,
        select=(
            "{'messages': PROMPT} AS input",
            f"{_said('chosen')} AS preferred_output",
            f"{_said('rejected')} AS non_preferred_output",
        ),
        where=_WHOLE_PAIR,
        decided=True,
        lines=True,
    ),
    "magpie": Format(
        needs=("instruction", "response"),
        select=(
            "id AS uuid", "instruction", "response",
            "[{'from': 'human', 'value': instruction}, {'from': 'gpt', 'value': response}]"
            " AS conversations",
            "length(instruction) AS instruction_length", "length(response) AS response_length",
        ),
        more=(
            "task_category", "difficulty", "input_quality", "quality_explanation", "language",
            "min_neighbor_distance", "repeat_count", "score",
        ),
        where=_ANSWERED,
    ),
    "rows": Format(),
}  # fmt: skip

CONVERSATIONS = ("trl-sft", "sharegpt", "axolotl", "openai")
"""Those that take conversations of a dataset's own in place of an instruction and a response."""
