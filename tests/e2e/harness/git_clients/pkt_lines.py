"""Standard input in the pieces in which a client with git code of its own writes it: one pkt-line each.

git writes many pkt-lines with one call, and a program between git and an SSH library passes them on together. Clients
such as go-git and dulwich hand the library one pkt-line, and one object of a pack, at a time.
"""

import os

OBJECT = 200  # bytes of a pack that are written together: about one small object


def read_pieces(descriptor: int, one_by_one: bool):
    """Yields what is read until its end: as it comes, or cut by `split`."""
    held = b""
    while read := os.read(descriptor, 65536):
        if not one_by_one:
            yield read
            continue
        pieces, held = split(held + read)
        yield from pieces
    if held:
        yield held


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The pkt-lines of data (gitprotocol-common(5)) and the slices of a pack, and the rest that is not whole yet."""
    pieces = []
    while len(data) >= 4:
        length = _length_of_first(data)
        if length > len(data):
            break
        pieces.append(data[:length])
        data = data[length:]
    return pieces, data


def _length_of_first(data: bytes) -> int:
    try:
        # 0000, 0001 and 0002 end or divide a list, and have no content.
        return max(4, int(data[:4], 16))
    except ValueError:
        return min(OBJECT, len(data))
