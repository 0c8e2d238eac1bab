"""The reader of Rich Text Format (.rtf), as word processors and screenplay software write it."""

import re

from data.command_line import UserError
from data.formats import inner
from data.formats.script import Format, ReadOptions, Script


def score(text: str, name: str) -> float:
    """How sure it is that a text is RTF: by its beginning."""
    return 1.0 if re.match(r"\s*\{\\rtf", text) else 0.0


def read(text: str, options: ReadOptions) -> Script:
    """The script in a document, without its formatting.

    Raises:
        UserError: if the document is damaged.
    """
    # Imported here because other formats do not need it.
    from striprtf.striprtf import rtf_to_text

    try:
        converted = rtf_to_text(text, errors="ignore")
    except (ValueError, IndexError, KeyError, LookupError) as error:
        raise UserError(
            f"{options.path} is a damaged RTF document ({error}): save it as text (.txt)"
        ) from None
    return inner.read(converted.replace("\xad", ""), options, FORMAT.name)


FORMAT = Format("rtf", "Rich Text Format (.rtf)", score, read)
