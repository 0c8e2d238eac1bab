"""The page's header and the About tab: what the models are, how they were trained, their limits."""

import datetime
import html
import math

import gradio as gr

from serve.actions import Facts
from serve.models.bundles import Bundle
from serve.page.chart import training_chart

WHAT_IT_IS = (
    "<p>A recurrent neural network writes the scenes, not a person and not a large language model. "
    "It generates one word after the other. Each word is drawn from the probabilities that the "
    "network computes from all words before it. The same seed and options give the same scene. "
    "The show's writers and actors have no part in them: do not publish a scene as theirs.</p>"
)
LIMITS = (
    "It has <b>no plot</b>: a line fits the one before it, but a scene goes nowhere.",
    "It <b>forgets</b>: what was said a page ago hardly matters to it.",
    "It knows <b>no facts</b> and does not mean what it writes. A joke is an accident.",
    "It writes only <b>words of its scripts</b> and yours, unless you allow it to invent some. "
    "About a topic that its show never mentions it has nothing to say.",
    "It can <b>repeat</b> a line of its scripts word for word, rude language included.",
    "Long sentences lose their grammar, the more so with high temperatures. Low temperatures "
    "become monotonous.",
)
OWN_SHOW = """make train DATA=my_show.txt PRESET=laptop
make export
make serve"""
OWN_SHOW_NOTE = (
    "In the project's folder, with a text file of lines like <code>Name: what she says</code>. "
    "Training takes some minutes on a laptop; on a machine with a GPU leave out "
    "<code>PRESET=laptop</code>."
)


def header_html(show: str) -> str:
    """The title and the first sentence of the page."""
    return (
        "<h1>Cold Open</h1><p>A small neural network, trained on the scripts of "
        f"<b>{html.escape(show)}</b>, writes scenes. "
        "Nothing need be filled in: choose Write.</p>"
    )


def add_about_tab(facts: list[Facts], bundles: list[Bundle], download_prefix: str | None) -> None:
    """Adds the tab's content to the Blocks that are being built; see `about_html`."""
    content = about_html(facts, bundles, download_prefix)
    gr.HTML(content, elem_id="about", apply_default_css=False)


def about_html(facts: list[Facts], bundles: list[Bundle], download_prefix: str | None) -> str:
    """The content of the About tab.

    Args:
        facts: of `Actions.facts`, one for each of `bundles`.
        download_prefix: path below which the bundles' files are; None if they are not offered.
    """
    limits = "".join(f"<li>{limit}</li>" for limit in LIMITS)
    models = (
        _model_card(fact, bundle, download_prefix)
        for fact, bundle in zip(facts, bundles, strict=True)
    )
    return (
        f"<h2>What writes here</h2>{WHAT_IT_IS}"
        f"<h2>What it is bad at</h2><ul>{limits}</ul>"
        f"{''.join(models)}"
        f"<h2>Train it on your own show</h2><p>{OWN_SHOW_NOTE}</p>"
        f'<pre tabindex="0" aria-label="Commands">{OWN_SHOW}</pre>'
    )


def _model_card(fact: Facts, bundle: Bundle, download_prefix: str | None) -> str:
    day = datetime.datetime.fromisoformat(fact["exported"]).date()
    loss = fact["held_out_loss"]
    rows = {
        "Speakers": f"{len(fact['speakers'])}: {', '.join(fact['speakers'][:8])}, ...",
        "Vocabulary": f"{fact['vocabulary']:,} words; others can be invented, letter by letter",
        "Network": fact["network"],
        "Parameters": f"{fact['parameters']:,}",
        "Held-out loss": f"{loss:.3f} nats per word (perplexity {math.exp(loss):.1f})",
    }
    if fact["held_out_loss_with_cache"] is not None:
        rows["With neural cache"] = f"{fact['held_out_loss_with_cache']:.3f}"
    if fact["bits_per_character"] is not None:
        rows["Bits per character"] = f"{fact['bits_per_character']:.3f}"
    rows |= {
        "File": f"{fact['file']}, {fact['megabytes']} MB ({fact['format']})",
        "Exported": f"{day:%d %B %Y}, weights {fact['weights']}",
        "Versions": f"trained with PyTorch {fact['trained_with_torch']}, exported with "
        f"{fact['exported_with_torch']}",
        "Licence": fact["licence"],
    }
    cells = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    start = (
        "Before that it read free English text: it is fine-tuned from the project's base network."
        if fact["fine_tuned"]
        else "It learned its English from these scripts alone."
    )
    chart = training_chart(bundle.evaluations())
    return (
        f"<h2>The model of {html.escape(fact['show'])}</h2>"
        f"<table><tbody>{cells}</tbody></table>"
        f"<h3>How it was trained</h3><p>It read the scripts again and again and learned to predict "
        f"each next word. {start}</p>{chart}{_downloads(bundle, download_prefix)}"
    )


def _downloads(bundle: Bundle, prefix: str | None) -> str:
    if prefix is None:
        return ""
    items = "".join(
        f'<li><a href="{html.escape(f"{prefix}/{bundle.weights}/{name}")}" download>'
        f"{html.escape(name)}</a>, {_size(path.stat().st_size)}</li>"
        for name, path in bundle.downloads().items()
    )
    return (
        "<h3>Download</h3><p>The files need none of this page's code; README.md says how to use "
        f"them, manifest.json has their checksums.</p><ul>{items}</ul>"
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
