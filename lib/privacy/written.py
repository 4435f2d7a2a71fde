"""Read what people write: an editor may begin a file with a mark, or store it as UTF-16."""

import codecs

from lib.system.private_file import Refused

MARK = "\ufeff"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def utf8_of(data: bytes) -> bytes:
    """Return a text file's bytes as UTF-8 without a mark at its beginning.

    Raises Refused where it begins as UTF-16 and is none. UTF-8 is not checked.
    """
    if not data.startswith(_UTF_16):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode("utf-16").encode("utf-8")
    except ValueError:
        raise Refused("neither UTF-8 nor UTF-16") from None
