"""The page's header and the About tab: what the models are, and their scores."""

import datetime
import html
import math

from serve.actions import Facts


def header_html(show: str) -> str:
    """The title and the first sentence of the page."""
    return (
        "<h1>Cold Open</h1><p>A small neural network, trained on the scripts of "
        f"<b>{html.escape(show)}</b>, writes scenes. "
        "Nothing need be filled in: choose Write.</p>"
    )


def about_html(facts: list[Facts]) -> str:
    """The content of the About tab."""
    return (
        "<h2>About the model</h2>"
        "<p>The scenes are written by a recurrent neural network, not by a person and not by a "
        "large language model. It is trained on the scripts of one show. It generates one word "
        "after the other; each word is sampled from the probabilities that the network computes "
        "from all words before it. It has no plot and knows no facts, and it can repeat anything "
        "from its scripts. The show's writers and actors have no part in the scenes: do "
        "not publish a scene as theirs.</p>"
        "<p>The same seed and options give the same scene. In the view <b>Probabilities</b>, "
        "unlikely words are darker; select a word for the alternatives.</p>"
        + "".join(map(_model_card, facts))
    )


def _model_card(fact: Facts) -> str:
    day = datetime.datetime.fromisoformat(fact["exported"]).date()
    loss = fact["held_out_loss"]
    rows = {
        "Speakers": f"{len(fact['speakers'])}: {', '.join(fact['speakers'][:8])}, ...",
        "Vocabulary": f"{fact['vocabulary']:,} words; others can be invented, letter by letter",
        "Parameters": f"{fact['parameters']:,}",
        "Held-out loss": f"{loss:.3f} nats per word (perplexity {math.exp(loss):.1f})",
    }
    if fact["held_out_loss_with_cache"] is not None:
        rows["with neural cache"] = f"{fact['held_out_loss_with_cache']:.3f}"
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
    return f"<h3>{html.escape(fact['show'])}</h3><table><tbody>{cells}</tbody></table>"
