"""The card of a base network: README.md of its folder.

Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from collections.abc import Sequence
from typing import Any

from data.base.overlap import Overlap
from data.vocab import Vocabulary
from job.checkpoint import Checkpoint


def base_card(
    checkpoint: Checkpoint,
    vocabulary: Vocabulary,
    size: int,
    report: dict[str, Any],
    overlaps: Sequence[Overlap],
    machine: str,
) -> str:
    """The card as Markdown.

    Args:
        checkpoint: of the base.
        vocabulary: of the base.
        size: bytes of the shipped weights.
        report: what `python -m data base` wrote about the text.
        overlaps: of held-out shows with the text.
        machine: what the base was trained on.
    """
    config, scores, sources = checkpoint.config, checkpoint.scores, report["sources"]
    parameters = sum(tensor.numel() for tensor in distinct(checkpoint.model))
    tokens = scores["step"] * config["batch_size"] * config["sequence_length"]
    words = sum(source["words"] for source in sources)
    blocked = sum(source["blocked_paragraphs"] for source in sources)
    duplicates = sum(source["duplicate_documents"] for source in sources)
    return f"""---
license: cc-by-sa-4.0
language: en
library_name: pytorch
pipeline_tag: text-generation
tags: [rnn, {config["cell"]}, dialogue]
---

# The base network of Cold Open

A word-level {config["cell"].upper()} that has read English dialogue and prose. It knows no show:
`python -m job` fine-tunes it on the scripts of one, so that the network needs to learn the show
and not the language.

| | |
| --- | --- |
| network | {config["n_layers"]} layers of {config["hidden_dim"]}, embeddings of \
{config["embedding_dim"]}, output tied to them: {parameters / 1e6:.1f} M parameters |
| vocabulary | {len(vocabulary):,} words, lower case |
| `checkpoint.pt` | {size / 1e6:.1f} MB: matrices in int8 with a scale for each row, the rest in \
float32 |
| trained on | {words / 1e6:.1f} M words; {tokens / 1e6:.0f} M tokens in {config["epochs"]} epochs |
| training | {scores["seconds"]:.0f} s on {machine}, {scores["tokens_per_second"] / 1e6:.2f} M \
tokens/s, bf16; all settings are in the checkpoint and in the preset `base` |
| loss on held-out text of its sources | {scores["valid_loss"]:.3f} nats per token (perplexity \
{scores["perplexity"]:.1f}; a unigram model has {scores["unigram_loss"]:.3f}) |

```sh
python -m job --data my_show.txt --base artifacts/base      # the default: fine-tune on a show
make export CHECKPOINT=artifacts/base/checkpoint.pt         # the base itself, to talk to
make base                                                   # train it again
```

## Text and credits

{rows_of(sources)}

`data/base/sources.json` in the repository pins every repository, commit and file, and the sha256
of the text read from each source. Documents that occur twice are left out ({duplicates} of them).

The weights are a work derived from these texts and under CC BY-SA 4.0 (`LICENSE`): give credit to
the sources above and to the Cold Open authors, and share what you adapt alike. Whether share-alike
reaches the weights of a network is not settled; this licence is the careful reading. The code is
under the MIT licence.

## What was left out

Paragraphs with a slur or a word of sex or violence (`data/base/blocked.txt`): {blocked:,}
paragraphs. No such word is in the vocabulary, so that no fine-tuned show writes one unless its own
scripts do; a test checks it. The filter removes words, not ideas: old fiction holds prejudice in
plain words too.

## Held-out shows

{overlap_text(overlaps)}

## Limits

For play, teaching, and small language models of shows. It knows English of the years 1900 to 1960
and of podcasts about software, films and games, and speaks in that voice. It knows no facts: what
it says about people and products is made up, and names in it are those of its sources. Do not use
it to answer questions, to advise, to judge people, or to write in the name of anybody.
"""


def rows_of(sources: Sequence[dict[str, Any]]) -> str:
    """The table of sources."""
    lines = ["| source | credit | licence | million words |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {source['title']} | {source['attribution']} | {source['licence']} | "
        f"{source['words'] / 1e6:.1f} |"
        for source in sources
    ]
    return "\n".join(lines)


def overlap_text(overlaps: Sequence[Overlap]) -> str:
    """What was found of shows that the base is judged by."""
    if not overlaps:
        return "Not checked."
    lines = [
        f"- {overlap.show.rsplit('/', 1)[-1]}: {overlap.found:,} of {overlap.grams:,} 13-grams"
        for overlap in overlaps
    ]
    return "Runs of 13 words that shows share with the text:\n\n" + "\n".join(lines)


def distinct(state: dict[str, Any]) -> list[Any]:
    """The tensors of a state dict, one under two names once."""
    return list({tensor.data_ptr(): tensor for tensor in state.values()}.values())
