"""Parts of the page that are not needed at first sight: compressed inside the same file, unpacked where they are opened.

Each is gzip, which browsers unpack themselves (`DecompressionStream`), as base64 in a script element that nothing runs. The bytes
follow from the content alone: no time and no system is named in them.
"""

from __future__ import annotations

import base64
import gzip
import re
import zlib

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # of gzip: deflate, no time, as small as can be, no system


def pack(name: str, content: str) -> str:
    """A script element that holds the content. name: letters, digits and signs that an id may have."""
    return f'<script type="text/plain" id="pack-{name}">{packed(content)}</script>'


def packed(content: str) -> str:
    """The content, compressed, in letters that HTML leaves alone."""
    data = content.encode()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    body = squeeze.compress(data) + squeeze.flush()
    ending = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return base64.b64encode(_HEAD + body + ending).decode()


def unpack(page: str, name: str) -> str:
    """What a page holds under this name. Raises KeyError if there is no such part."""
    found = re.search(rf'<script type="text/plain" id="pack-{re.escape(name)}">([^<]*)</script>', page)
    if not found:
        raise KeyError(name)
    return gzip.decompress(base64.b64decode(found[1])).decode()


def names(page: str) -> list[str]:
    """Of all parts of a page, in their order."""
    return re.findall(r'<script type="text/plain" id="pack-([^"]*)">', page)
