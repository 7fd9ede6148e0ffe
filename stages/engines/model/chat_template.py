"""A tokenizer's chat template, cut open: conversations, and the open user turn that Magpie needs.

The turn is found by rendering a user message that is a marker and cutting there, so it follows
whatever the model's family writes: default system messages, headers, spaces.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.ask import Message
from stages.errors import UserError

RENDERING = {"conversation", "messages", "chat_template", "tools", "documents", "tokenize",
             "add_generation_prompt", "continue_final_message", "padding", "truncation",
             "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask",
             "tokenizer_kwargs"}  # fmt: skip
"""Names that `apply_chat_template` takes for itself: they are no variables of a template."""
_MARKER = "bowerbird-marks-the-place"


class ChatTemplate:
    """Text for a tokenizer with a chat template (a transformers tokenizer).

    `variables`: what the template may ask for beside the messages.
    """

    def __init__(self, tokenizer: Any, variables: Mapping[str, Any] | None = None) -> None:
        self._tokenizer, self._variables = tokenizer, dict(variables or {})

    def chat(self, messages: Sequence[Message]) -> str:
        """The conversation, up to where the assistant's answer begins or goes on."""
        turns = [(m.role, m.content) for m in messages]
        if turns[-1][0] == "assistant":
            return self._render(turns, continue_final_message=True)
        return self._render(turns, add_generation_prompt=True)

    def whole(self, messages: Sequence[Message]) -> str:
        """The conversation with its last turn closed."""
        return self._render([(m.role, m.content) for m in messages], add_generation_prompt=False)

    def user_turn(
        self, system: str | None = None, messages: Sequence[Message] = ()
    ) -> tuple[str, tuple[str, ...]]:
        """(Everything before a user's first character, the strings that end the turn).

        Stops are the tokenizer's special tokens and whatever the template writes after the
        user's words.
        """
        turns = [("system", system)] if system is not None else []
        turns += [(m.role, m.content) for m in messages]
        text = self._render([*turns, ("user", _MARKER)], add_generation_prompt=False)
        before, _, after = text.rpartition(_MARKER)
        special = [token for token in self._tokenizer.all_special_tokens if token.strip()]
        ends = dict.fromkeys([*special, *after.strip().split("\n")[:1]])
        return before, tuple(end for end in ends if end)

    def _render(self, turns: Sequence[tuple[str, str]], **how: bool) -> str:
        if not self._tokenizer.chat_template:
            remedy = "Give `pre_query` or `family` in the recipe, or use a chat model."
            raise UserError("the model's tokenizer has no chat template", remedy)
        messages = [{"role": role, "content": content} for role, content in turns]
        how = self._variables | how
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, **how))
