"""Helpers of the tests of prepared corpora."""

import pathlib

from hypothesis import strategies as st

from data.corpus.settings import Resources

# Arbitrary text in which the characters that the tokenizer treats specially are frequent.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("aAbz  .,\"';!?()-:\n\n\r\t\x0b\x85\u2028\ufeff\xad"),
        st.sampled_from("\u2019\u201c\u2026\u2014\u0301\u0302\u0327éÉêİßΣς\u212a"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    )
)
# So small that short texts give several blocks, shards and spilled runs.
SMALL = Resources(processes=1, block_bytes=50, shard_bytes=300, max_words=40)
FILLER = "Ann: (waving) hello there, Bob!\n\nBob: not now, Ann... “no”?\n\n" * 20


def write_shows(folder: pathlib.Path, texts: list[str]) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    return folder


def content(folder: pathlib.Path) -> dict[str, bytes]:
    """The files of a corpus by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
