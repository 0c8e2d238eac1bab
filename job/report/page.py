"""report.html: the figures of report.json as one page that makes no request to any host."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2  # PyTorch depends on it
import markupsafe

from job.report.charts import Series, histogram, line_chart

JUDGED = "temperature 0.8"  # default of the exported model
HELD_OUT = "held-out text"
# (key of report["scores"], label, format, comparison, meaning). Scores that the report lacks are
# left out.
SCORES = (
    (
        "held_out_loss",
        "Held-out loss",
        "{:.3f}",
        "unigram model {unigram_loss:.3f}",
        "Mean cross-entropy in nats per token on the validation text. Lower is better; the unigram "
        "model knows only the frequency of each word.",
    ),
    (
        "perplexity",
        "Perplexity",
        "{:.1f}",
        "vocabulary {vocabulary:,}",
        "exp of the loss: the number of equally likely tokens with the same uncertainty.",
    ),
    (
        "held_out_loss_with_cache",
        "The same with neural cache",
        "{:.3f}",
        "without {held_out_loss:.3f}",
        "The cache makes recent words more likely; the exported model samples from this mixture.",
    ),
    (
        "bits_per_character",
        "Bits per character",
        "{:.3f}",
        "words {bits_of_words:.3f}, letters {bits_of_letters:.3f}",
        "All characters count, also those of out-of-vocabulary words: comparable between models of "
        "different vocabularies.",
    ),
    (
        "test_loss_with_cache",
        "Test loss with neural cache",
        "{:.3f}",
        "without {test_loss:.3f}",
        "Of the test part, which was used for no choice, measured at the end of the run.",
    ),
    (
        "test_bits_per_character",
        "Test bits per character",
        "{:.3f}",
        "words {test_bits_of_words:.3f}, letters {test_bits_of_letters:.3f}",
        "Of the test part, likewise.",
    ),
    (
        "training_loss",
        "Loss on training text",
        "{:.3f}",
        "held out {held_out_loss:.3f}",
        "Loss on text that it was trained on, without dropout. Far below the held-out loss: "
        "overfitting.",
    ),
)
# The same for text generated at JUDGED, compared with the held-out text.
WRITTEN = (
    (
        "lines_with_speaker",
        "Lines with a speaker",
        "{:.1%}",
        "The form of a script: close to the held-out text is good.",
    ),
    (
        "speaker_changes",
        "Turns that change the speaker",
        "{:.1%}",
        "Of all pairs of consecutive speeches. Far below the held-out text: speakers answer "
        "themselves.",
    ),
    (
        "balanced_brackets",
        "Brackets balanced",
        "{:.1%}",
        "Of the lines with brackets: stage directions are closed.",
    ),
    (
        "balanced_quotes",
        "Quotation marks balanced",
        "{:.1%}",
        "Of the lines with quotation marks.",
    ),
    (
        "repeated_4_grams",
        "Repeated 4-grams",
        "{:.2%}",
        "4-grams that occur earlier in the same scene. Far above the held-out text: it repeats "
        "itself.",
    ),
    (
        "copied_share",
        "Copied words",
        "{:.2%}",
        "In runs of 8 or more words that occur in the training text. The held-out text shows how "
        "many are phrases of the show.",
    ),
    (
        "longest_copied_run",
        "Longest copied run",
        "{:,} words",
        "Quoted below. More than about 20 words are memorized, not a phrase.",
    ),
)
TABLES = (
    (
        "Structure",
        (
            ("lines", "lines measured", "{:,}"),
            ("words_per_line", "words per line, mean", "{:.1f}"),
            ("words_per_line_shortest_tenth", "10th percentile", "{:,}"),
            ("words_per_line_median", "median", "{:,}"),
            ("words_per_line_longest_tenth", "90th percentile", "{:,}"),
            ("words_per_speech", "words per speech, mean", "{:.1f}"),
            ("lines_with_speaker", "lines with a speaker", "{:.1%}"),
            (
                "lines_with_known_speaker",
                "lines with a frequent speaker of the show",
                "{:.1%}",
            ),
            ("speakers_per_100_lines", "distinct speakers in 100 lines", "{:.1f}"),
            ("speaker_changes", "turns that change the speaker", "{:.1%}"),
            ("directions_per_100_lines", "stage directions in 100 lines", "{:.1f}"),
            ("lines_with_brackets", "lines with brackets", "{:,}"),
            ("balanced_brackets", "of these, balanced", "{:.1%}"),
            ("lines_with_quotes", "lines with quotation marks", "{:,}"),
            ("balanced_quotes", "of these, balanced", "{:.1%}"),
        ),
    ),
    (
        "Repetition",
        (
            ("distinct_1", "distinct words of 1,000", "{:.1%}"),
            ("distinct_2", "distinct 2-grams of 1,000 words", "{:.1%}"),
            ("distinct_3", "distinct 3-grams of 1,000 words", "{:.1%}"),
            ("repeated_4_grams", "4-grams that occur earlier in the scene", "{:.2%}"),
            ("longest_loop", "longest directly repeated phrase, words", "{:,}"),
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
    "word": ("words", "in the vocabulary, 10 occurrences or more"),
    "rare word": ("rare words", "fewer than 10 occurrences"),
    "unknown": ("unknown words", "out-of-vocabulary, read as <unk>"),
    "speaker": ("speakers", "names at the start of a line"),
    "mark": ("marks", "punctuation and line ends"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One of the most important figures, as text."""

    label: str
    value: str
    beside: str
    meaning: str


def verdict(report: dict[str, Any]) -> list[Row]:
    """The most important figures."""
    scores = report["scores"]
    facts = {**report["texts"], **scores}
    rows = [
        Row(label, form.format(scores[key]), beside.format(**facts), meaning)
        for key, label, form, beside, meaning in SCORES
        if key in scores
    ]
    generated, held_out = (report["columns"][name] for name in (JUDGED, HELD_OUT))
    return rows + [
        Row(label, shown(generated[key], form), f"held out {shown(held_out[key], form)}", meaning)
        for key, label, form, meaning in WRITTEN
    ]


def render(report: dict[str, Any]) -> str:
    """The page. Jinja2 escapes all text; the charts escape theirs."""
    columns = report["columns"]
    lengths = [
        Series(name, histogram(columns[name]["line_lengths"], 3, 46))
        for name in (*list(columns)[:2], JUDGED)
    ]
    chart = line_chart(lengths, "words in a line (46: and more)", "% of lines")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = pathlib.Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        show=report["show"],
        facts=facts_line(report),
        texts=report["texts"],
        sampling=report["sampling"],
        verdict=verdict(report),
        curves=markupsafe.Markup(curves(report["history"])),
        lengths=markupsafe.Markup(chart),
        kinds=kinds_table(report["loss_by_kind"]),
        tables=figures_table(columns),
        columns=columns,
        samples={
            name: [segments(scene) for scene in scenes]
            for name, scenes in report["samples"].items()
        },
        settings=settings(report),
    )


def shown(value: float | None, form: str) -> str:
    """A figure as text; a dash if there was nothing to measure."""
    return "–" if value is None else form.format(value)


def facts_line(report: dict[str, Any]) -> str:
    """What was measured, in one line."""
    texts, checkpoint = report["texts"], report["checkpoint"]
    return (
        f"{checkpoint['path']} ({checkpoint['sha256'][:12]}), "
        f"{checkpoint['parameters'] / 1e6:.1f} M parameters, vocabulary {texts['vocabulary']:,}; "
        f"trained on {texts['training_tokens']:,} tokens, scored on {texts['held_out_tokens']:,}; "
        f"{report['created']}"
    )


def curves(rows: Sequence[dict[str, Any]]) -> str:
    """A chart of the run's losses by epoch."""
    lines = [
        Series("training, with dropout", [(row["epoch"], row["train_loss"]) for row in rows]),
        Series("held out", [(row["epoch"], row["valid_loss"]) for row in rows]),
    ]
    known = [(row["epoch"], row["unigram_loss"]) for row in rows if "unigram_loss" in row]
    if known:
        lines.append(Series("unigram model", known, dashed=True))
    return line_chart(lines, "epoch", "loss, nats per token")


def kinds_table(kinds: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Loss by kind of token: one dict a row, with the width of its bar in percent."""
    highest = max((figures["loss"] or 0 for figures in kinds.values()), default=0) or 1
    return [
        {
            "name": KIND_NAMES[kind][0],
            "meaning": KIND_NAMES[kind][1],
            "width": 100 * (figures["loss"] or 0) / highest,
            "loss": shown(figures["loss"], "{:.2f}"),
            "tokens": f"{figures['tokens']:,}",
            "of_tokens": f"{figures['share_of_tokens']:.1%}",
            "of_loss": f"{figures['share_of_loss']:.1%}",
        }
        for kind, figures in kinds.items()
    ]


def figures_table(columns: dict[str, dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """All figures of all texts: (title, [(label, the value of each text)])."""
    return [
        (
            title,
            [
                (label, [shown(text[key], form) for text in columns.values()])
                for key, label, form in rows
            ],
        )
        for title, rows in TABLES
    ]


def segments(scene: dict[str, Any]) -> list[tuple[str, bool]]:
    """A scene's text in order: (text, whether it is a copied run)."""
    parts, done = [], 0
    for start, end in scene["copied"]:
        parts += [(scene["text"][done:start], False), (scene["text"][start:end], True)]
        done = end
    return [*parts, (scene["text"][done:], False)]


def settings(report: dict[str, Any]) -> dict[str, Any]:
    """Everything needed to reproduce the run and the report."""
    return {
        "checkpoint's sha256": report["checkpoint"]["sha256"],
        "seed of this report": report["seed"],
        "commit, trained": report["git_commit"]["trained"] or "unknown",
        "commit, evaluated": report["git_commit"]["evaluated"] or "unknown",
        **{
            f"{library}, {when}": version
            for when, versions in report["versions"].items()
            for library, version in versions.items()
        },
        **report["config"],
    }
