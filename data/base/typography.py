"""Paragraphs in plain characters: one kind of quotation mark, dash, space and bracket."""

import html
import re
import unicodedata

LATIN = frozenset(chr(code) for code in range(0xC0, 0x100) if code not in (0xD7, 0xF7))
KEPT = frozenset(map(chr, range(32, 127))) | LATIN | frozenset("£€‘’“”")
FRACTIONS = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅛": " 1/8", "⅓": " 1/3", "⅔": " 2/3"}
LIGATURES = {"Æ": "Ae", "æ": "ae", "Œ": "Oe", "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "ß": "ss"}
BRACKETS = {"[": "(", "]": ")", "{": "(", "}": ")"}
WRITTEN = {
    **FRACTIONS,
    **LIGATURES,
    **BRACKETS,
    **dict.fromkeys("\u02bc\u02bb\u00b4\u0060\u2032\u201b\u0092", "’"),
    **dict.fromkeys("\u201e\u201f\u2033\u00ab\u00bb\u0093\u0094", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u2014\u2015\u2e3a\u2e3b", "--"),
    **dict.fromkeys("_~|<>\\^=", " "),
    "\u2026": "...",
    "\u201a": ",",
    "\u2044": "/",
    "\u2236": ":",
    "\u0091": "‘",
}
# Words that begin with an apostrophe, which opens no quotation.
ELISIONS = re.compile(
    r"(?:tis|twas|twere|twill|twould|twouldn|twasn|tisn|em|ere|im|imself|un|cause|cos|coz|bout|til|"
    r"till|round|nother|nuff|neath|gainst|mongst|mid|ave|ad|ead|eard|ow|ome|ouse|orse|ell|ope|eart|"
    r"arf|alf|ot|ard|undred|ang|way|low|most|fraid|spect|spose|scuse|ll|d|s|t|re|ve|m|n|o|[0-9]+s?)\b",
    re.IGNORECASE,
)
SINGLE_OPEN = re.compile(r"‘|(?:(?<=[\s(\"“-])|^)['’](?=[\w.-])")
SINGLE_CLOSE = re.compile(r"(?<=[^\s(])['’](?![\w’'])")
CLIPPED = re.compile(r"(?:in|s|\b(?:o|an|th|wi|ol|mo|po|t|d|lil|fo))$", re.IGNORECASE)
EMPTY = re.compile(r"\(\s*\)|(?<=--)-+")
SPLIT_WORD = re.compile(r"(?<=\w) '(m|ll|ve|re|d|s)\b(?! ?')|(?<=\w)  ?(?=n't\b)")
SPACED_ELLIPSIS = re.compile(r"\.(?: ?\.){2,}")
SPACE_BEFORE = re.compile(r"(?<!:)\s+([,;!?)]|\.(?!\.))")
SPEAKER = re.compile(r"[^:\"“”]{1,30}: (?:\([^)]*\) )?")


class _Plain(dict):
    """What `str.translate` makes of each character; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = _plain_character(chr(code))
        return self[code]


def _plain_character(character: str) -> str:
    if character in WRITTEN:
        return WRITTEN[character]
    if character in KEPT:
        return character
    if character.isspace():
        return " "
    plain = unicodedata.normalize("NFKD", character)[0]
    return plain if plain.isascii() and plain.isalnum() else ""


PLAIN = _Plain()


def plain_text(text: str) -> str:
    """A paragraph in plain characters, its quotes and brackets in pairs.

    Kept are ASCII, the letters of Latin-1, and the signs of two currencies; another letter loses
    its accent, any other character goes. Quotations become "...", one inside another loses its
    marks. An apostrophe stays with its word.
    """
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", text).translate(PLAIN)
    text = re.sub(r"([’'])\s+(?=”)|(?<=“)\s+(?=[‘'])", r"\1", text)
    text = text.replace("’’", "”").replace("''", '"').replace("‘‘", "“")
    text = _pair_brackets(_quotations(" ".join(text.split())))
    text = EMPTY.sub("", text)
    text = SPLIT_WORD.sub(lambda match: f"'{match[1]}" if match[1] else "", text)
    text = SPACED_ELLIPSIS.sub("...", text)
    text = SPACE_BEFORE.sub(r"\1", text).replace("( ", "(").replace("n 't ", "n't ")
    return " ".join(text.split())


def _quotations(text: str) -> str:
    """Quotations in straight double quotes, in pairs, none within another; apostrophes as "'"."""
    if any(mark in text for mark in "\"“”‘'’"):
        pairs = sorted(_double_pairs(text) + _single_pairs(text))
        own = ["" if character in '"“”' else character for character in text] + [""]
        inserted = [""] * len(own)
        end = -1
        for first, last, single in pairs:
            mark = '"' if first > end else ""
            for place in (first, last):
                if text[place : place + 1] and text[place] in ("‘'’" if single else '"“”'):
                    own[place] = mark
                else:  # the mark of a speech that continues from or in another paragraph
                    inserted[place] += mark
            end = max(end, last)
        text = "".join(map("".join, zip(inserted, own, strict=True)))
    return re.sub(r"[‘’]", "'", text)


def _double_pairs(text: str) -> list[tuple[int, int, bool]]:
    """Where double quotation marks open and close: (first, last, False).

    A speech that continues from or in another paragraph begins or ends with this one.
    """
    pairs: list[tuple[int, int, bool]] = []
    opened = -1
    for place, character in enumerate(text):
        if character not in '"“”':
            continue
        if opened >= 0:
            if character != "“":
                pairs.append((opened, place, False))
                opened = -1
        elif character == "“" or (character == '"' and text[place + 1 : place + 2].strip()):
            opened = place
        elif not pairs:
            head = SPEAKER.match(text)
            pairs.append((head.end() if head else 0, place, False))
    if opened >= 0:
        pairs.append((opened, len(text), False))
    return [pair for pair in pairs if pair[0] < pair[1] - 1]


def _single_pairs(text: str) -> list[tuple[int, int, bool]]:
    """Where single quotation marks open and close: (first, last, True)."""
    pairs: list[tuple[int, int, bool]] = []
    place = 0
    while match := SINGLE_OPEN.search(text, place):
        first, place = match.start(), match.end()
        curly = match.group() == "‘"
        if not curly and ELISIONS.match(text, place):
            continue
        last = _single_close(text, place)
        if last < 0 and curly and not text[:first].strip('"“” '):
            last = len(text)
        if last > place:
            pairs.append((first, last, True))
            place = last + 1
    return pairs


def _single_close(text: str, start: int) -> int:
    """Where a single quotation ends, or -1: an apostrophe at a word's end looks the same."""
    likely = -1
    for match in SINGLE_CLOSE.finditer(text, start):
        place = match.start()
        after = text[place + 1 : place + 2]
        if text[place - 1] in ".,!?-;:)" or after in ("", *'.,!?;:)"”-'):
            return place
        if not CLIPPED.search(text, start, place):
            return place
        likely = place
    return likely if text[start - 1] == "‘" else -1


def _pair_brackets(text: str) -> str:
    """Drops a bracket that has no partner, but closes a direction that is cut at the end."""
    opened: list[int] = []
    lone: list[int] = []
    for place, character in enumerate(text):
        if character == "(":
            opened.append(place)
        elif character == ")":
            if opened:
                opened.pop()
            else:
                lone.append(place)
    if not opened and not lone:
        return text
    closing = ""
    if opened and len(text) - opened[-1] < 200:
        opened.pop()
        closing = ")"
    dropped = {*opened, *lone}
    return "".join(c for place, c in enumerate(text) if place not in dropped) + closing
