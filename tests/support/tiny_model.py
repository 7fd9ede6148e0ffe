"""A Qwen2 of two layers with random weights, made in seconds: for engines, not for sense."""

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        ["user assistant system name three rivers"] * 3,
        trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def _config(tokenizer, **more):
    from transformers import Qwen2Config

    return Qwen2Config(
        vocab_size=320,
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **more,
    )


def _made(path, kind, **more):
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = _config(tokenizer, **more)
    tokenizer.save_pretrained(path)
    getattr(transformers, kind)(config).to(torch.float32).save_pretrained(path)
    return path


def make_model(path):
    """Write model and tokenizer to the folder `path`; returns it."""
    return _made(path, "Qwen2ForCausalLM")


def make_reward_model(path, labels):
    """The same with a head of so many numbers for a whole conversation."""
    kind = "Qwen2ForSequenceClassification"
    return _made(path, kind, num_labels=labels, pad_token_id=0)


def rewards(folder, talks):
    """By transformers: what the model says of each conversation."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    found = []
    for talk in talks:
        turns = [{"role": m.role, "content": m.content} for m in talk]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        with torch.no_grad():
            found.append(float(model(ids).logits[0, 0]))
    return found


def likelihoods(folder, user, text):
    """By transformers: how likely each token of `text` is as the answer to `user`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    before = tokenizer.apply_chat_template(
        [{"role": "user", "content": user}], add_generation_prompt=True, tokenize=False
    )
    own = tokenizer.encode(text, add_special_tokens=False)
    ids = torch.tensor([tokenizer.encode(before, add_special_tokens=False) + own])
    with torch.no_grad():
        logits = torch.log_softmax(model(ids).logits[0], -1)
    return [float(logits[-len(own) - 1 + n, token]) for n, token in enumerate(own)]
