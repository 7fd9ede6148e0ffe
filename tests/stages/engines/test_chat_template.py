import pytest

from stages.ask import Message
from stages.engines.model.chat_template import ChatTemplate
from stages.engines.vllm import Vllm
from stages.errors import UserError
from stages.generate.families import FAMILIES


class Tokenizer:
    """Renders a template as transformers does."""

    all_special_tokens = ("<|im_end|>", "<|endoftext|>")

    def __init__(self, template):
        self.chat_template = template

    def apply_chat_template(self, messages, *, tokenize, add_generation_prompt, **variables):
        from jinja2 import Template

        assert not tokenize
        return Template(self.chat_template).render(
            messages=messages, add_generation_prompt=add_generation_prompt, **variables
        )


CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are Qwen, created by Alibaba "
    "Cloud. You are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_the_open_turn_of_a_template_is_the_familys():
    before, stops = ChatTemplate(Tokenizer(CHATML)).user_turn()
    assert before == FAMILIES["qwen-2.5"].pre_query()
    assert stops == ("<|im_end|>", "<|endoftext|>")


def test_a_system_message_stands_before_the_turn():
    before, _ = ChatTemplate(Tokenizer(CHATML)).user_turn("Be brief.")
    assert before == FAMILIES["qwen-2.5"].pre_query("Be brief.")


def test_a_chat_ends_where_the_answer_begins():
    text = ChatTemplate(Tokenizer(CHATML)).chat([Message("user", "Hi")])
    assert text.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")


def test_a_tokenizer_without_a_template():
    with pytest.raises(UserError, match="pre_query"):
        ChatTemplate(Tokenizer(None)).user_turn()


def test_variables_of_a_template():
    thinks = CHATML.replace(
        "<|im_start|>assistant\n",
        "<|im_start|>assistant\n{% if enable_thinking is false %}<think></think>{% endif %}",
    )
    user = [Message("user", "Hello")]
    plain = ChatTemplate(Tokenizer(thinks)).chat(user)
    quiet = ChatTemplate(Tokenizer(thinks), {"enable_thinking": False}).chat(user)
    assert quiet == plain + "<think></think>"
    with pytest.raises(ValueError, match="tokenize is no variable of a template"):
        Vllm(model="m", chat_template_kwargs={"tokenize": True})
    facts = Vllm(model="m", chat_template_kwargs={"enable_thinking": False}).identity()
    assert facts["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in Vllm(model="m").identity()
