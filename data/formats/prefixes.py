"""The ways in which a transcript writes who speaks, at the beginning of a line.

Each style finds a candidate in any text ("Well - yes" has the name "Well" in the style of dashes),
so `data.formats.transcript` decides by the whole file which styles and names are meant.
"""

import re
from typing import NamedTuple


class Prefix(NamedTuple):
    """A candidate for a speaker at the beginning of a line."""

    style: str
    name: str
    aside: str  # "(smiling)", or ""
    speech: str


STAMP = r"\\?[\[(<{]?\s?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?\s?\\?[\])>}]?"
# Before the name: the mark of a list or a quotation, a number, a date, a time stamp.
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},?\s+"
LEAD = re.compile(
    rf"(?:[>*–—-]\s+|[•·●▪◦‣]\s*|\d+[.)]\s+)?(?:\[?(?:{_DATE})?{STAMP}\s*(?:-->\s*{STAMP}\s*)?(?:[-–—|:]\s*)?)?"
)
_TITLE = r"(?:Mr|Mrs|Ms|Dr|St|Prof|Lt|Sgt|Capt|Col|Gen|Rev|MR|MRS|MS|DR|ST|LT|SGT|CAPT)\. ?"
_NAME = r"(?P<name>[^\W_](?:[^:：()\[\]<>\"“”*_|\n]{0,38}?[^\s:：()\[\]<>\"“”*_|])??)"
# Without a full stop except after a title, and of few words: what the style of full stops needs.
_SHORT = rf"(?P<name>(?:{_TITLE})?[^\W\d_][\w'’#-]*(?: (?:{_TITLE})?[\w'’&#-]+){{0,4}})"
_ASIDE = r"(?:\s*(?P<aside>[(\[][^()\[\]]{1,300}[)\]]))?"
_AFTER = r"(?:\s*(?P<after>[(\[][^()\[\]]{1,300}[)\]]))?"
_MARK = r"(?P<mark>\*{1,3}|_{1,2}|'{2,5})"
_NO_TAG = r"(?!(?:p|b|i|u|a|br|hr|em|li|td|th|tr|h\d|div|pre|span|font|strong|center|body|html)\b)"
_SPEECH = r"\s*(?P<speech>.*)"

# In the order in which they are tried, if several have the same number of lines in a file.
STYLES: dict[str, re.Pattern[str]] = {
    style: re.compile(pattern)
    for style, pattern in {
        "colon": rf"{_NAME}:(?=\s|$){_SPEECH}",
        # **Ann:** hello, **Ann**: hello, '''Ann''' (smiling): hello, _Ann._ hello
        "marked": rf"{_MARK}{_NAME}{_ASIDE}"
        rf"(?:\s*[:：.]\s*(?P=mark)|(?P=mark){_AFTER}\s*[:：]){_SPEECH}",
        "aside": rf"{_NAME}\s*(?P<aside>[(\[][^()\[\]]{{1,300}}[)\]])\s*[:：]{_SPEECH}",
        "spaced": rf"{_NAME}\s+:(?![/\d]){_SPEECH}",
        "wide": rf"{_NAME}\s*：{_SPEECH}",
        "tight": rf"{_NAME}:(?![\s/\d]|$){_SPEECH}",
        "bare mark": rf"(?P<mark>\*\*|''')(?!['*]){_NAME}{_ASIDE}(?P=mark)\s+(?P<speech>\S.*)",
        "bracket": rf"\\?\[{_NAME}{_ASIDE}\\?\]\s*[:：-]?\s*(?P<speech>\S.*)",
        "angle": rf"<{_NO_TAG}{_NAME}>\s*[:：]?\s*(?P<speech>\S.*)",
        "dash": rf"{_NAME}{_ASIDE}\s+[-–—]{{1,2}}\s+(?P<speech>\S.*)",
        "gap": rf"{_NAME}{_ASIDE} {{2,}}(?P<speech>\S.*)",
        "dot": rf"{_SHORT}{_ASIDE}\.(?:[-–—]+|\s+|$){_SPEECH}",
        "alone": rf"{_NAME}{_ASIDE}\s+{STAMP}(?P<speech>)",  # the speech is on the next line
    }.items()
}
SCENE = re.compile(r"(?:INT|EXT|EST|I/E|INT\.?/EXT)[. ]")
# A colon says that a name stands before it; other marks mean it only where they recur.
CERTAIN = ("colon", "marked", "aside", "spaced", "wide")


def prefixes_of(line: str) -> list[Prefix]:
    """The candidates of all styles in a line without spaces around it."""
    if SCENE.match(line):
        return []
    lead = LEAD.match(line)
    rest = line[lead.end() :] if lead else line
    found = []
    for style, pattern in STYLES.items():
        if match := pattern.fullmatch(rest):
            groups = match.groupdict()
            aside = groups.get("aside") or groups.get("after") or ""
            aside = "" if re.fullmatch(STAMP, aside) else aside
            speech = re.sub(rf"^{STAMP}(?=\s|$)", "", groups["speech"]).strip()
            if style == "dot" and not speech and not groups["name"].isupper():
                continue  # a sentence such as "Never mind."
            found.append(Prefix(style, groups["name"].strip(), aside, speech))
    return found
