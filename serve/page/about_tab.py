"""What the page tells of itself: who wrote this, and how good it is."""

import datetime
import html
import math

from serve.actions import Told


def masthead(show: str) -> str:
    """The page's first lines."""
    return (
        "<h1>Cold Open</h1><p>A small network has read every script of "
        f"<b>{html.escape(show)}</b>. Choose who speaks, begin a scene, and it writes on.</p>"
    )


def about(facts: list[Told]) -> str:
    """The tab About."""
    return (
        "<h2>Who writes here</h2>"
        "<p>Not a person, and no large language model either: a recurrent network that was "
        "trained on the scripts of one show and nothing else. It writes word after word; each is "
        "drawn from what it thinks likely after all before it. It has no plot in mind, knows no "
        "facts, and says whatever its scripts' people say. What it writes is not by the show's "
        "writers or actors: do not publish it as theirs.</p>"
        "<p>The same seed and settings write the same scene again. In <b>Inside</b>, words that "
        "surprised the model are darker; choose one to see what it would rather have said.</p>"
        + "".join(map(_card, facts))
    )


def _card(fact: Told) -> str:
    day = datetime.datetime.fromisoformat(fact["exported"]).date()
    loss = fact["held_out_loss"]
    rows = {
        "Speakers": f"{len(fact['speakers'])}: {', '.join(fact['speakers'][:8])}, ...",
        "Vocabulary": f"{fact['vocabulary']:,} words; others are spelled letter by letter",
        "Parameters": f"{fact['parameters']:,}",
        "Held-out loss": f"{loss:.3f} nats a word (perplexity {math.exp(loss):.1f})",
    }
    if fact["held_out_loss_with_cache"] is not None:
        rows["with its memory"] = f"{fact['held_out_loss_with_cache']:.3f}"
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
