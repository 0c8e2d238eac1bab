"""report.json as one page: what a person needs to judge a run, and no request to any host."""

import dataclasses
import html
import pathlib
import string
from collections.abc import Iterable, Sequence
from typing import Any

from job.report.charts import Series, histogram, line_chart

JUDGED = "temperature 0.8"  # the exported model's default: what a reader sees
HELD_OUT = "held-out text"
# (key of report["scores"], label, format, what it is measured against, what it means). A score that
# the report lacks is left out.
SCORES = (
    (
        "held_out_loss",
        "Held-out loss",
        "{:.3f}",
        "unigram model {unigram_loss:.3f}",
        "Nats a token on text that was not trained on. Less is better; the unigram model knows "
        "only how frequent each word is.",
    ),
    (
        "perplexity",
        "Perplexity",
        "{:.1f}",
        "vocabulary {vocabulary:,}",
        "As unsure of the next token as if it had to choose among so many equally likely ones.",
    ),
    (
        "held_out_loss_with_cache",
        "The same with the memory",
        "{:.3f}",
        "without {held_out_loss:.3f}",
        "The memory makes words likelier that were just said; the exported model has it too.",
    ),
    (
        "bits_per_character",
        "Bits per character",
        "{:.3f}",
        "words {bits_of_words:.3f}, letters {bits_of_letters:.3f}",
        "What the held-out text costs with every letter paid for, unknown words too: the figure to "
        "compare with a model of another vocabulary.",
    ),
    (
        "training_loss",
        "Loss on training text",
        "{:.3f}",
        "held out {held_out_loss:.3f}",
        "The same measure on text it was trained on. The further below the held-out loss, the "
        "more it has learned by heart.",
    ),
)
# The same for what was written at JUDGED, against the held-out text.
WRITTEN = (
    (
        "lines_with_speaker",
        "Lines that a speaker opens",
        "{:.1%}",
        "The form of a script: near the held-out text is good.",
    ),
    (
        "speaker_changes",
        "Turns that change the speaker",
        "{:.1%}",
        "Of each two speeches in a row. Far below the held-out text, people answer themselves.",
    ),
    (
        "balanced_brackets",
        "Brackets balanced",
        "{:.1%}",
        "Of the lines that have any: directions that are opened are closed.",
    ),
    (
        "balanced_quotes",
        "Quotation marks balanced",
        "{:.1%}",
        "Of the lines that have any, in the same way.",
    ),
    (
        "repeated_4_grams",
        "Repeated 4-grams",
        "{:.2%}",
        "Runs of four words that stood in the same scene before. Far above the held-out text, "
        "it goes round in circles.",
    ),
    (
        "copied_share",
        "Copied words",
        "{:.2%}",
        "In runs of 8 or more words that stand in the training text. The held-out text shows how "
        "many are mere phrases of the show.",
    ),
    (
        "longest_copied_run",
        "Longest copied run",
        "{:,} words",
        "Quoted below. Above some 20 words it is no phrase any more.",
    ),
)
TABLES = (
    (
        "Structure",
        (
            ("lines", "lines measured", "{:,}"),
            ("words_per_line", "words a line, mean", "{:.1f}"),
            ("words_per_line_shortest_tenth", "shortest tenth of lines, up to", "{:,}"),
            ("words_per_line_median", "median line", "{:,}"),
            ("words_per_line_longest_tenth", "longest tenth of lines, from", "{:,}"),
            ("words_per_speech", "words a speech, mean", "{:.1f}"),
            ("lines_with_speaker", "lines that a speaker opens", "{:.1%}"),
            ("lines_with_known_speaker", "the same, one of the show's 200 most frequent", "{:.1%}"),
            ("speakers_per_100_lines", "different speakers in 100 lines", "{:.1f}"),
            ("speaker_changes", "turns in which the speaker changes", "{:.1%}"),
            ("directions_per_100_lines", "directions in 100 lines", "{:.1f}"),
            ("lines_with_brackets", "lines with brackets", "{:,}"),
            ("balanced_brackets", "of these, balanced", "{:.1%}"),
            ("lines_with_quotes", "lines with quotation marks", "{:,}"),
            ("balanced_quotes", "of these, balanced", "{:.1%}"),
        ),
    ),
    (
        "Repetition",
        (
            ("distinct_1", "different words of 1,000", "{:.1%}"),
            ("distinct_2", "different 2-grams of 1,000 words", "{:.1%}"),
            ("distinct_3", "different 3-grams of 1,000 words", "{:.1%}"),
            ("repeated_4_grams", "4-grams that stood in the scene before", "{:.2%}"),
            ("longest_loop", "longest phrase said again at once, words", "{:,}"),
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
    "word": ("words", "known and seen 10 times or more"),
    "rare word": ("rare words", "seen less than 10 times"),
    "unknown": ("unknown words", "not in the vocabulary, read as <unk>"),
    "speaker": ("speakers", "the name that opens a line"),
    "mark": ("marks", "punctuation and line ends"),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of the first screen, as text."""

    label: str
    value: str
    beside: str
    meaning: str


def verdict(report: dict[str, Any]) -> list[Row]:
    """The figures by which a run is judged first."""
    scores = report["scores"]
    facts = {**report["texts"], **scores}
    rows = [
        Row(label, form.format(scores[key]), beside.format(**facts), meaning)
        for key, label, form, beside, meaning in SCORES
        if key in scores
    ]
    written, held_out = (report["columns"][name] for name in (JUDGED, HELD_OUT))
    return rows + [
        Row(label, shown(written[key], form), f"held out {shown(held_out[key], form)}", meaning)
        for key, label, form, meaning in WRITTEN
    ]


def render(report: dict[str, Any]) -> str:
    """The whole page. All text that comes from a script or a file name is escaped."""
    template = pathlib.Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    columns = report["columns"]
    lengths = [
        Series(name, histogram(columns[name]["line_lengths"], 3, 46))
        for name in (*list(columns)[:2], JUDGED)
    ]
    return string.Template(template).substitute(
        show=html.escape(report["show"]),
        facts=facts_line(report),
        warning=warning(report),
        verdict="".join(
            f"<tr><th>{html.escape(row.label)}</th><td class=value>{row.value}</td>"
            f"<td class=beside>{row.beside}</td><td>{html.escape(row.meaning)}</td></tr>"
            for row in verdict(report)
        ),
        curves=curves(report["history"]) or "<p>No metrics.jsonl lies beside the checkpoint.</p>",
        kinds=kinds_table(report["loss_by_kind"]),
        lengths=line_chart(lengths, "words in a line (46: and more)", "% of lines"),
        tables=figures_table(columns),
        copied=copied_quotes(columns),
        samples="".join(samples(name, scenes) for name, scenes in report["samples"].items()),
        scene_words=report["sampling"]["scene_words"],
        top_p=report["sampling"]["top_p"],
        settings=settings(report),
    )


def shown(value: float | None, form: str) -> str:
    """A figure as text; a dash where there was nothing to measure."""
    return "–" if value is None else form.format(value)


def facts_line(report: dict[str, Any]) -> str:
    """What was judged, in one line."""
    texts, checkpoint = report["texts"], report["checkpoint"]
    return html.escape(
        f"{checkpoint['path']} ({checkpoint['sha256'][:12]}), "
        f"{checkpoint['parameters'] / 1e6:.1f} M parameters, vocabulary {texts['vocabulary']:,}; "
        f"trained on {texts['training_tokens']:,} tokens, judged on {texts['held_out_tokens']:,}; "
        f"{report['created']}"
    )


def warning(report: dict[str, Any]) -> str:
    """What makes the figures doubtful, or nothing."""
    if report["texts"]["training_text_is_the_models"]:
        sample = "<p>Of the training text, a prepared corpus, a sample was searched for copies.</p>"
        return sample if report["texts"]["training_text_is_a_sample"] else ""
    return (
        "<p class=warning>The training text read here does not give this model's vocabulary: it "
        "may be another text than the model was trained on. The held-out text may then have been "
        "trained on, and copying is measured against the wrong text.</p>"
    )


def curves(rows: Sequence[dict[str, Any]]) -> str:
    """The losses of the run over its epochs."""
    lines = [
        Series("training, with dropout", [(row["epoch"], row["train_loss"]) for row in rows]),
        Series("held out", [(row["epoch"], row["valid_loss"]) for row in rows]),
    ]
    known = [(row["epoch"], row["unigram_loss"]) for row in rows if "unigram_loss" in row]
    if known:
        lines.append(Series("unigram model", known, dashed=True))
    return line_chart(lines, "epoch", "loss, nats a token")


def kinds_table(kinds: dict[str, dict[str, Any]]) -> str:
    """Loss by kind of token, as bars."""
    most = max((figures["loss"] or 0 for figures in kinds.values()), default=0) or 1
    rows = []
    for kind, figures in kinds.items():
        name, meaning = KIND_NAMES[kind]
        width = 100 * (figures["loss"] or 0) / most
        rows.append(
            f"<tr><th>{name}<small>{html.escape(meaning)}</small></th>"
            f'<td class=bar><i style="width:{width:.1f}%"></i></td>'
            f"<td>{shown(figures['loss'], '{:.2f}')}</td><td>{figures['tokens']:,}</td>"
            f"<td>{figures['share_of_tokens']:.1%}</td><td>{figures['share_of_loss']:.1%}</td></tr>"
        )
    return "".join(rows)


def figures_table(columns: dict[str, dict[str, Any]]) -> str:
    """All figures of all texts, side by side."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    parts = []
    for title, rows in TABLES:
        parts.append(f"<tr class=part><th>{title}</th>{head}</tr>")
        for key, label, form in rows:
            cells = "".join(f"<td>{shown(text[key], form)}</td>" for text in columns.values())
            parts.append(f"<tr><th>{label}</th>{cells}</tr>")
    return "".join(parts)


def copied_quotes(columns: dict[str, dict[str, Any]]) -> str:
    """The longest run of each text that stands in the training text, quoted."""
    return "".join(
        f"<tr><th>{html.escape(name)}</th><td>{text['longest_copied_run']:,} words</td>"
        f"<td class=script>{html.escape(text['longest_copied_text'])}</td></tr>"
        for name, text in columns.items()
        if text["longest_copied_run"]
    )


def samples(name: str, scenes: Iterable[dict[str, Any]]) -> str:
    """Scenes of one temperature: the first, and the others behind it."""
    first, *others = (f"<div class=script>{highlighted(scene)}</div>" for scene in scenes)
    more = f"<details><summary>{len(others)} more</summary>{''.join(others)}</details>"
    title = html.escape(name.capitalize())
    return f"<section><h3>{title}</h3>{first}{more if others else ''}</section>"


def highlighted(scene: dict[str, Any]) -> str:
    """A scene with its copied runs marked."""
    parts, done = [], 0
    for start, end in scene["copied"]:
        parts.append(html.escape(scene["text"][done:start]))
        parts.append(f"<mark>{html.escape(scene['text'][start:end])}</mark>")
        done = end
    return "".join(parts) + html.escape(scene["text"][done:])


def settings(report: dict[str, Any]) -> str:
    """Everything needed to do the same again."""
    rows = {
        "checkpoint's sha256": report["checkpoint"]["sha256"],
        "seed of this report": report["seed"],
        "commit, trained": report["git_commit"]["trained"] or "unknown",
        "commit, evaluated": report["git_commit"]["evaluated"] or "unknown",
        **{
            f"{part}, {when}": version
            for when, versions in report["versions"].items()
            for part, version in versions.items()
        },
        **report["config"],
    }
    return "".join(
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in rows.items()
    )
