"""The bench of the presets: its figures on a tiny model, and their parts."""

import pytest

from serve.models.backends import load_writer
from serve.models.bundles import open_bundle
from tests.bench.presets import COLUMNS, VARIANTS, figures, repeated_ngrams, speaker_turns, table


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("", []),
        ("ann: hi", []),
        ("ann: hi\n\n(she waves.)\n\nann: no\n\nbob: yes", [True, False]),
    ],
)
def test_speaker_turns_skip_directions(text, turns):
    assert speaker_turns(text) == turns


def test_repeated_ngrams_are_counted_within_a_scene():
    words = [str(n) for n in range(10)]
    assert repeated_ngrams([words, words]) == 0
    assert repeated_ngrams([words + words]) == pytest.approx(3 / 13)
    assert repeated_ngrams([words[:3]]) is None


def test_every_variant_has_figures(bundle):
    writer = load_writer(open_bundle(bundle, "onnx", "fp32"))
    rows = {
        name: figures(writer, preset, {**options, "length": 30}, 2)
        for name, preset, options in VARIANTS
    }
    assert {*COLUMNS, "turns"} == set(rows["safe"])
    assert all(row["invented_words"] == 0 for row in rows.values())
    assert len(table(rows)) == 2 + len(rows)
