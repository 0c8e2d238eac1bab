"""The rule that finds who speaks a line of a script: one pattern for Python and for the browser.

A line has a speaker if a colon ends the name at its beginning. The name has 1 to 40 characters, not
all of them spaces, and no bracket or quotation mark; white space or the end of the line follows the
colon. "Ann: hello" and "Man on phone:" have a speaker; "at 10:30", "(to Ann: hello)" and
"[setting: the pier]" have none.

`data.vocab` counts a show's speakers by this rule, `job.report` measures scripts by it, and `serve`
passes `PATTERN` to the page's JavaScript. tests/speaker_cases.json holds cases for all of them.
"""

import re

# Python's \s and JavaScript's differ in these characters. Listing them makes both sets equal.
_SPACE = r"\s\x1c-\x1f\x85\ufeff"
_NOT_IN_NAME = r':()\[\]"'
_LETTER = rf"[^{_NOT_IN_NAME}{_SPACE}]"
# In the syntax that Python's `re` and JavaScript's `RegExp` with the flag "u" share. Group 1 is the
# name without the spaces around it; the match ends after the colon.
PATTERN = (
    rf"^(?=[^{_NOT_IN_NAME}\n]{{1,40}} ?:)"
    rf"[{_SPACE}]*({_LETTER}(?:[^{_NOT_IN_NAME}]*{_LETTER})?)[{_SPACE}]*:(?=[{_SPACE}]|$)"
)
SPEAKER = re.compile(PATTERN, re.MULTILINE)


def speaker_of(line: str) -> str:
    """The name of the speaker of one line, or "" for a line without a speaker."""
    match = SPEAKER.match(line)
    return match[1] if match else ""
