"""JSON objects that notice when they were changed.

The last member, `xxh3_128`, is the checksum of all the text before it, so the file stays plain
JSON for other readers.
"""

import xxhash

_MARK = b',\n"xxh3_128":"'


class BrokenError(ValueError):
    """The text is not what was sealed."""


def seal(body: bytes) -> bytes:
    """`body`, a JSON object that is not empty, with its checksum as the last member."""
    head = body.rstrip()[:-1]
    return head + _MARK + xxhash.xxh3_128_hexdigest(head).encode() + b'"}\n'


def unseal(content: bytes) -> bytes:
    """The body that was sealed.

    Raises:
        BrokenError: the checksum is missing or not the text's.
    """
    head, mark, tail = content.rpartition(_MARK)
    if not mark:
        raise BrokenError("it carries no checksum")
    if tail != xxhash.xxh3_128_hexdigest(head).encode() + b'"}\n':
        raise BrokenError("its checksum is not its own")
    return head + b"}"
