"""Chat formats of model families: what stands before a user's words, and which tokens end them.

Magpie (arXiv:2406.08464) lets an aligned model continue an open user turn. An engine with the
tokenizer at hand builds that turn from the chat template; for a server whose tokenizer is not at
hand, `family:` names one of these formats. Facts of the model families; the strings and ids are
checked against the list of 34 models that Magpie's authors published.
"""

from dataclasses import dataclass

_QWEN_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
_VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@dataclass(frozen=True, slots=True)
class Family:
    """One chat format.

    `start` stands once at the front, `system` around a system message, `user` before a user turn.
    `default_system` is what the family's template puts where none is given.
    """

    user: str
    stops: tuple[str, ...]
    stop_ids: tuple[int, ...]
    start: str = ""
    system: str = ""
    default_system: str = ""
    assistant: tuple[str, ...] = ("assistant",)
    """Words a model may go on with when it slips into the assistant's turn."""

    def pre_query(self, system: str | None = None) -> str:
        """Everything before the user's first character.

        Raises:
            ValueError: the family's format has no place for a system message.
        """
        text = self.default_system if system is None else system
        if system is not None and "{}" not in self.system:
            raise ValueError("this family's chat format has no system message")
        return self.start + (self.system.replace("{}", text) if text else "") + self.user


def _llama3() -> Family:
    header = "<|start_header_id|>{}<|end_header_id|>\n\n"
    return Family(
        start="<|begin_of_text|>",
        system=header.format("system") + "{}<|eot_id|>",
        user=header.format("user"),
        stops=("<|eot_id|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
        stop_ids=(128009, 128001, 128006, 128007),
    )


def _chatml(default_system: str) -> Family:
    return Family(
        system="<|im_start|>system\n{}<|im_end|>\n",
        default_system=default_system,
        user="<|im_start|>user\n",
        stops=("<|im_start|>", "<|im_end|>", "<|endoftext|>"),
        stop_ids=(151643, 151644, 151645),
        assistant=("Assistant", "assistant"),
    )


def _gemma(user: str, stops: tuple[str, ...], stop_ids: tuple[int, ...]) -> Family:
    return Family(start="<bos>", user=user, stops=stops, stop_ids=stop_ids)


def _phi3(start: str, sentence: tuple[str, ...], stop_ids: tuple[int, ...]) -> Family:
    turns = ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
    return Family(start=start, user="<|user|>\n", stops=sentence + turns, stop_ids=stop_ids)


_SENTENCE = ("</s>", "<s>", "<unk>")

FAMILIES = {
    "llama-3": _llama3(),
    "llama-2": Family(user="<s> [INST] ", stops=_SENTENCE, stop_ids=(2, 1, 0)),
    "vicuna-1.5": Family(
        system="{}\n\n",
        default_system=_VICUNA_SYSTEM,
        user="USER: ",
        stops=_SENTENCE,
        stop_ids=(2, 1, 0),
        assistant=("ASSISTANT",),
    ),
    "nous-hermes-llama-2": Family(user="### Instruction:\n\n", stops=_SENTENCE, stop_ids=(2, 1, 0)),
    "qwen-1.5": _chatml(""),
    "qwen-2": _chatml(""),
    "qwen-2.5": _chatml(_QWEN_SYSTEM),
    "mistral-0.3": Family(
        user="<s> [INST] ", stops=("<s>", "</s>", "[INST]", "[/INST]"), stop_ids=(1, 2, 3, 4)
    ),
    "gemma-1.1": _gemma(
        "<start_of_turn>user\n",
        ("<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        (1, 2, 106, 107),
    ),
    # Magpie's list has one newline more for Gemma 2 than Gemma's own chat template writes.
    "gemma-2": _gemma("<start_of_turn>user\n\n", ("<eos>", "<bos>", "<end_of_turn>"), (1, 2, 107)),
    "phi-3": _phi3("<s> ", _SENTENCE, (2, 1, 0, 32000, 32001, 32006, 32007, 32010)),
    "phi-3-small": _phi3("<|endoftext|>", (), (100257, 100262, 100263, 100261, 100266)),
    "yi-1.5": Family(
        start="<|startoftext|>",
        user="<|im_start|>user\n",
        stops=("<|startoftext|>", "<|endoftext|>", "<|im_end|>"),
        stop_ids=(1, 2, 7),
    ),
    "deepseek-coder-v2": Family(
        start="<｜begin▁of▁sentence｜>",
        user="User: ",
        stops=(
            "<｜begin▁of▁sentence｜>",
            "<｜end▁of▁sentence｜>",
            "<|EOT|>",
            "<｜User｜>",
            "<｜Assistant｜>",
        ),
        stop_ids=(100000, 100001, 100008, 100006, 100007),
    ),
}
