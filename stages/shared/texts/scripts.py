"""Letters of another script in texts of Latin letters, as small models of several languages write.

Words in brackets or quotation marks are meant: "Tokyo (東京)".
"""

import regex

# Greek and Common letters are symbols in formulas: π, µ, ℵ.
_OTHER = regex.compile(r"[\p{L}--[\p{Latin}\p{Greek}\p{Common}\p{Inherited}]]+", regex.V1)
_MEANT = regex.compile(
    r"\([^()]{0,200}\)|\[[^\[\]]{0,200}\]|（[^（）]{0,200}）"
    r"|\"[^\"\n]{0,200}\"|“[^“”]{0,200}”|«[^«»]{0,200}»|「[^「」]{0,200}」|『[^『』]{0,200}』"
    r"|„[^„“”]{0,200}[“”]|(?<!\w)['‘‚][^'‘’\n]{0,200}['’](?!\w)|^```.*?(?:^```|\Z)|`[^`\n]{0,200}`",
    regex.MULTILINE | regex.DOTALL,
)
_OF_LANGUAGE = regex.compile(
    r"\b(?:letters?\s+\W?[^\W\d_a-zà-ÿ])"
    r"|\b(?:translat\w*|(?<!programming )languages?|alphabets?|cyrillic|unicode|pronounc\w*"
    r"|arabic|armenian|bengali|bulgarian|cantonese|chinese|georgian|hebrew|hindi|japanese|kanji"
    r"|hanzi|hiragana|katakana|korean|mandarin|marathi|persian|farsi|punjabi|russian|sanskrit"
    r"|serbian|tamil|telugu|thai|ukrainian|urdu)\b",
    regex.IGNORECASE,
)


def has_other_letters(text: str) -> bool:
    """Whether a letter is neither Latin nor a symbol."""
    return _OTHER.search(text) is not None


def is_about_language(text: str) -> bool:
    """Whether it speaks of a language or of letters, so that other ones are to be expected."""
    return _OF_LANGUAGE.search(text) is not None


def slip(text: str) -> str:
    """The first word in other letters; empty without one, and for a text in another language.

    That is a text with as many other letters as Latin ones.
    """
    others = _OTHER.findall(_MEANT.sub(" ", text))
    latin = regex.findall(r"\p{Latin}", text)
    return others[0] if others and sum(map(len, others)) < len(latin) else ""
