"""report.html: report.json as one self-contained page, which makes no network request.

The layout is in page.html, a Jinja2 template with autoescaping: text of a script or a file name
cannot become markup.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from job.report.charts import Series, histogram, line_chart

DEFAULT_COLUMN = "temperature 0.8"  # the default temperature of the exported model
HELD_OUT = "held-out text"
# One row of the summary per score: (key of report["scores"], label, format, reference value,
# explanation). A score that is not in the report is left out.
SCORES = (
    (
        "held_out_loss",
        "Held-out loss",
        "{:.3f}",
        "unigram model {unigram_loss:.3f}",
        "Mean negative log-likelihood in nats per token, on text that was not trained on. Lower is "
        "better. The unigram model knows only the frequency of each word.",
    ),
    (
        "perplexity",
        "Perplexity",
        "{:.1f}",
        "vocabulary {vocabulary:,}",
        "exp(loss): the number of equally likely tokens that would be as hard to predict.",
    ),
    (
        "held_out_loss_with_cache",
        "Held-out loss with the neural cache",
        "{:.3f}",
        "without {held_out_loss:.3f}",
        "The cache raises the probability of words that occurred recently. The exported model uses "
        "it too.",
    ),
    (
        "bits_per_character",
        "Bits per character",
        "{:.3f}",
        "words {bits_of_words:.3f}, letters {bits_of_letters:.3f}",
        "Counts every character of the held-out text, out-of-vocabulary words included. Use it to "
        "compare models with different vocabularies.",
    ),
    (
        "test_loss_with_cache",
        "Test loss with the neural cache",
        "{:.3f}",
        "without {test_loss:.3f}",
        "On the test part, measured once at the end of the run and used for no choice.",
    ),
    (
        "test_bits_per_character",
        "Test bits per character",
        "{:.3f}",
        "words {test_bits_of_words:.3f}, letters {test_bits_of_letters:.3f}",
        "Likewise.",
    ),
    (
        "training_loss",
        "Loss on training text",
        "{:.3f}",
        "held out {held_out_loss:.3f}",
        "The same measure on training text. A large gap below the held-out loss means overfitting.",
    ),
)
# The same for the text generated at DEFAULT_COLUMN; the reference value is the held-out text's.
GENERATED = (
    (
        "lines_with_speaker",
        "Lines that start with a speaker",
        "{:.1%}",
        "The form of a script: close to the held-out text is good.",
    ),
    (
        "speaker_changes",
        "Speaker changes",
        "{:.1%}",
        "Share of consecutive speeches with different speakers. Far below the held-out text: "
        "characters answer themselves.",
    ),
    (
        "balanced_brackets",
        "Balanced brackets",
        "{:.1%}",
        "Among lines with brackets: stage directions that are opened are closed.",
    ),
    (
        "balanced_quotes",
        "Balanced quotation marks",
        "{:.1%}",
        "Among lines with quotation marks.",
    ),
    (
        "repeated_4_grams",
        "Repeated 4-grams",
        "{:.2%}",
        "Share of 4-grams that occurred earlier in the same scene. Far above the held-out text: "
        "the model loops.",
    ),
    (
        "copied_share",
        "Copied words",
        "{:.2%}",
        "Share of words in runs of 8 or more words that occur in the training text. The held-out "
        "text shows how much of this is common phrases of the show.",
    ),
    (
        "longest_copied_run",
        "Longest copied run",
        "{:,} words",
        "Quoted below. More than about 20 words is memorization, not a common phrase.",
    ),
)
TABLES = (
    (
        "Structure",
        (
            ("lines", "lines", "{:,}"),
            ("words_per_line", "words per line, mean", "{:.1f}"),
            ("words_per_line_shortest_tenth", "words per line, 10th percentile", "{:,}"),
            ("words_per_line_median", "words per line, median", "{:,}"),
            ("words_per_line_longest_tenth", "words per line, 90th percentile", "{:,}"),
            ("words_per_speech", "words per speech, mean", "{:.1f}"),
            ("lines_with_speaker", "lines that start with a speaker", "{:.1%}"),
            ("lines_with_known_speaker", "with one of the 200 most frequent speakers", "{:.1%}"),
            ("speakers_per_100_lines", "distinct speakers per 100 lines", "{:.1f}"),
            ("speaker_changes", "speaker changes", "{:.1%}"),
            ("directions_per_100_lines", "stage directions per 100 lines", "{:.1f}"),
            ("lines_with_brackets", "lines with brackets", "{:,}"),
            ("balanced_brackets", "of these, balanced", "{:.1%}"),
            ("lines_with_quotes", "lines with quotation marks", "{:,}"),
            ("balanced_quotes", "of these, balanced", "{:.1%}"),
        ),
    ),
    (
        "Repetition",
        (
            ("distinct_1", "distinct words per 1,000 words", "{:.1%}"),
            ("distinct_2", "distinct 2-grams per 1,000 words", "{:.1%}"),
            ("distinct_3", "distinct 3-grams per 1,000 words", "{:.1%}"),
            ("repeated_4_grams", "4-grams that occurred earlier in the scene", "{:.2%}"),
            ("longest_loop", "longest phrase repeated immediately, words", "{:,}"),
        ),
    ),
    (
        "Copying from the training text",
        (
            ("copied_share", "words in runs of 8 or more", "{:.2%}"),
            ("longest_copied_run", "longest run, words", "{:,}"),
        ),
    ),
)
KIND_NAMES = {
    "word": ("words", "in the vocabulary, 10 or more occurrences in the training text"),
    "rare word": ("rare words", "fewer than 10 occurrences in the training text"),
    "unknown": ("out-of-vocabulary words", "read as <unk>"),
    "speaker": ("speakers", "the name that starts a line"),
    "mark": ("punctuation", "and line breaks"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of the summary, formatted."""

    label: str
    value: str
    beside: str
    meaning: str


def verdict(report: dict[str, Any]) -> list[Row]:
    """The summary: the figures to read first."""
    scores = report["scores"]
    facts = {**report["texts"], **scores}
    rows = [
        Row(label, form.format(scores[key]), reference.format(**facts), meaning)
        for key, label, form, reference, meaning in SCORES
        if key in scores
    ]
    generated, held_out = (report["columns"][name] for name in (DEFAULT_COLUMN, HELD_OUT))
    return rows + [
        Row(label, number(generated[key], form), f"held out {number(held_out[key], form)}", meaning)
        for key, label, form, meaning in GENERATED
    ]


def render(report: dict[str, Any]) -> str:
    """The whole page as HTML.

    Args:
        report: what `job.report.__main__.build` returns.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "segments": segments}
    columns = report["columns"]
    lengths = [
        Series(name, histogram(columns[name]["line_lengths"], 3, 46))
        for name in (*list(columns)[:2], DEFAULT_COLUMN)
    ]
    return environment.get_template("page.html").render(
        report=report,
        summary=verdict(report),
        loss_curves=Markup(loss_curves(report["history"])),
        lengths=Markup(line_chart(lengths, "words per line (last bin: 46 or more)", "% of lines")),
        kind_names=KIND_NAMES,
        largest_loss=max((kind["loss"] or 0 for kind in report["loss_by_kind"].values()), default=0)
        or 1,
        tables=TABLES,
        settings=settings(report),
    )


def number(value: float | None, form: str) -> str:
    """A formatted figure; a dash where there was too little text to measure."""
    return "–" if value is None else form.format(value)


def segments(scene: dict[str, Any]) -> list[tuple[str, bool]]:
    """A scene's text in order, as (text, whether it is copied from the training text)."""
    parts, done = [], 0
    for start, end in scene["copied"]:
        parts += [(scene["text"][done:start], False), (scene["text"][start:end], True)]
        done = end
    return [*parts, (scene["text"][done:], False)]


def loss_curves(rows: Sequence[dict[str, Any]]) -> str:
    """The losses by epoch as an SVG chart; "" without a history."""
    lines = [
        Series("training, with dropout", [(row["epoch"], row["train_loss"]) for row in rows]),
        Series("held out", [(row["epoch"], row["valid_loss"]) for row in rows]),
    ]
    unigram = [(row["epoch"], row["unigram_loss"]) for row in rows if "unigram_loss" in row]
    if unigram:
        lines.append(Series("unigram model", unigram, dashed=True))
    return line_chart(lines, "epoch", "loss, nats per token")


def settings(report: dict[str, Any]) -> dict[str, Any]:
    """Everything needed to reproduce the run and the report."""
    return {
        "sha256 of the checkpoint": report["checkpoint"]["sha256"],
        "seed of this report": report["seed"],
        "git commit, training": report["git_commit"]["trained"] or "unknown",
        "git commit, evaluation": report["git_commit"]["evaluated"] or "unknown",
        **{
            f"{part}, {when}": version
            for when, versions in report["versions"].items()
            for part, version in versions.items()
        },
        **report["config"],
    }
