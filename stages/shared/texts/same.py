"""When two texts are the same: after Unicode NFC, in lower case, with white space taken together.

Punctuation counts, because in code, mathematics and chess it is the text ("x > 3", "x < 3"); only
its typographic forms are taken for the plain ones: “…” for "...", – for -.
"""

import hashlib
import unicodedata

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
        # Seen by nobody and typed by no one: soft hyphen, zero-width space, word joiner, byte
        # order mark. The joiners of Indic and Arabic scripts and of emoji stay.
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
    }
)


def key(text: str) -> bytes:
    """16 bytes that are equal for texts that count as the same."""
    plain = " ".join(text.translate(_PLAIN).lower().split())
    same = unicodedata.normalize("NFC", plain)
    return hashlib.blake2b(same.encode("utf-8", "surrogatepass"), digest_size=16).digest()
