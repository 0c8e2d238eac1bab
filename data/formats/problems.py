"""Signs that a script's text is not what should be learned: markup, time stamps, a binary file."""

import re

SAMPLE = 1_000_000  # characters that are searched
LINE = 2_000  # characters of a line that are searched
MIN_SHARE = 0.05  # of the lines, that makes a problem
SHARE_OF_FIELDS = 0.1  # of the lines
SIGNS = {
    "markup (HTML or XML tags)": re.compile(
        r"</?[a-zA-Z][\w:-]*(?:\s[^<>\n]*)?/?>|&(?:nbsp|amp|lt|gt|quot|#\d+);"
    ),
    "markup (BBCode)": re.compile(r"\[/?(?:br|b|i|u|url|quote|color|size|img)(?:=[^\]]*)?\]"),
    "time stamps": re.compile(r"\b\d{1,2}:\d{2}:\d{2}\b|\d --> \d"),
    "markup (RTF or LaTeX commands)": re.compile(r"\\(?:par|pard|f\d|fs\d+|begin|textbf|item)\b"),
    "data (JSON or a dictionary)": re.compile(
        r'^\s*[{\["].*"\s*:|^\s*[}\]],?\s*$|"\s*:\s*["{\[\d]'
    ),
    "wiki markup": re.compile(r"\[\[[^\[\]]{1,200}\]\]|\{\{[^{}]{1,200}\}\}|^\s*\{\||^\s*\|-"),
}
# Fields of records: who speaks, and the speech. Both recur only in data.
FIELDS = (
    re.compile(r"^\s*(?:- )?(?:speaker|character|actor|who|name)\s*[:=]\s"),
    re.compile(r"^\s*(?:- )?(?:text|dialogue|dialog|line|speech|utterance)\s*[:=]\s"),
)
UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
MAX_UNREADABLE = 0.002  # of the characters
LONG_WORD = re.compile(r"[A-Za-z0-9+/=]{80,}")  # encoded binary data


def problem(text: str) -> str:
    """What a script's text seems to hold besides words, or "" if nothing was found."""
    sample = text[:SAMPLE]
    if len(UNREADABLE.findall(sample)) > MAX_UNREADABLE * len(sample):
        return "characters that no script has (a binary file or a wrong encoding)"
    lines = [line[:LINE] for line in sample.splitlines() if line.strip()]
    for name, sign in SIGNS.items():
        if sum(bool(sign.search(line)) for line in lines) > MIN_SHARE * len(lines):
            return name
    if all(
        sum(bool(field.search(line)) for line in lines) > SHARE_OF_FIELDS * len(lines)
        for field in FIELDS
    ):
        return "data (YAML or TOML: convert it to JSON)"
    if sum(map(len, LONG_WORD.findall(sample))) > MIN_SHARE * len(sample):
        return "encoded data (words of 80 letters and more)"
    return ""
