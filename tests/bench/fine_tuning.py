"""python -m tests.bench.fine_tuning: what each setting of fine-tuning is worth.

Every row changes one thing and runs `python -m job` with a base. Losses are of the network alone on
the validation text, in the *closed* vocabulary of the show: the words that occur twice or more in
its training text and the unknown token, to which the probabilities of all other words are added.
So rows with different vocabularies compare, and so does training from scratch. Bits per character
are those of the run, with the neural cache and the speller.

    python -m tests.bench.fine_tuning --data train.txt --valid val.txt [--test test.txt]
    python -m tests.bench.fine_tuning --preset laptop --rows reference "no base"
"""

import json
import pathlib
import tempfile
from typing import Any

import torch
from torch.nn import functional as F

from data.command_line import Parser, UserError, run
from data.vocab import Vocabulary
from job.checkpoint import NAME, load_network
from job.evaluate import read_text
from job.model import RNN
from tests.bench.runs import Texts, machine, train_job

MORE_DROPOUT = ("--dropout", "0.4", "--dropout-between", "0.35", "--dropout-input", "0.3")
LESS_DROPOUT = ("--dropout", "0.2", "--dropout-between", "0.15", "--dropout-input", "0.1")
MUCH_DROPOUT = ("--dropout", "0.5", "--dropout-between", "0.35", "--dropout-input", "0.4")
ROWS: dict[str, tuple[str, ...]] = {
    "reference": (),
    "no base": ("--base", "none"),
    "another seed": ("--seed", "2"),
    "dropout 0.2, 0.15, 0.1; weight drop 0": (*LESS_DROPOUT, "--weight-drop", "0"),
    "dropout 0.3, 0.25, 0.2; weight drop 0.2": ("--weight-drop", "0.2"),
    "dropout 0.4, 0.35, 0.3; weight drop 0.2": (*MORE_DROPOUT, "--weight-drop", "0.2"),
    "dropout 0.5, 0.35, 0.4; weight drop 0.3": (*MUCH_DROPOUT, "--weight-drop", "0.3"),
    "embedding dropout 0.1": ("--dropout-words", "0.1"),
    "learning rate 0.0007": ("--learning-rate", "0.0007"),
    "learning rate 0.0015": ("--learning-rate", "0.0015"),
    "learning rate 0.006, that of training from scratch": ("--learning-rate", "0.006"),
    "6 epochs": ("--epochs", "6"),
    "12 epochs": ("--epochs", "12"),
    "batch size 32": ("--batch-size", "32"),
    "weight decay 0.1": ("--weight-decay", "0.1"),
    "weight decay 0.4": ("--weight-decay", "0.4"),
    "subwords": ("--subwords", "3"),
    "the show's vocabulary alone": ("--vocab-size", "1"),
    "vocabulary of 20,000": ("--vocab-size", "20000"),
    "vocabulary of 32,000": ("--vocab-size", "32000"),
}


def main() -> None:
    """Runs the rows and prints them as a table."""
    parser = Parser(prog="python -m tests.bench.fine_tuning", description=__doc__.split("\n")[0])
    parser.add_argument("--preset", default="seinfeld", help="preset of python -m job")
    parser.add_argument("--data", default="data/shows/low_tide.txt", help="training script")
    parser.add_argument("--valid", default="", help="validation script (default: a part of --data)")
    parser.add_argument("--test", default="", help="test script, used for no choice")
    parser.add_argument("--base", default="artifacts/base", help="base network")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), help="names of rows")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to a file")
    parser.add_argument("flags", nargs="*", help="further flags of python -m job, after --")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        raise UserError(f"no row {sorted(unknown)[0]!r}; there are {', '.join(ROWS)}")
    print(json.dumps(machine()))
    print("| changed | validation loss | test loss | bits per character | s | whole process, s |")
    print("| --- | --- | --- | --- | --- | --- |")
    found = []
    with tempfile.TemporaryDirectory() as name:
        texts = Texts.prepare(options.data, options.valid, options.test, pathlib.Path(name))
        for number, row in enumerate(options.rows):
            settings = ["--preset", options.preset, "--base", options.base, *texts.flags]
            settings += [*options.flags, *ROWS[row]]
            found.append({"row": row, **measure(settings, texts, pathlib.Path(name, str(number)))})
            print(line(found[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(settings: list[str], texts: Texts, folder: pathlib.Path) -> dict[str, Any]:
    """Trains with these flags; returns the figures of a row."""
    done = train_job(settings, folder)
    network, vocabulary, checkpoint = load_network(folder / NAME)
    network = network.to("cuda" if torch.cuda.is_available() else "cpu")
    own = texts.vocabulary()
    contents = texts.contents()
    losses = {
        part: closed_loss(network, vocabulary, own, contents[part])
        for part in ("valid", "test")
        if part in contents
    }
    return {
        "closed_loss": losses,
        "bits_per_character": checkpoint.scores.get("bits_per_character"),
        "test_bits_per_character": checkpoint.scores.get("test_bits_per_character"),
        "seconds": done["rows"][-1]["seconds"],
        "whole_process": done["whole_process"],
        "scores": checkpoint.scores,
    }


@torch.inference_mode()
def closed_loss(network: RNN, vocabulary: Vocabulary, own: Vocabulary, text: str) -> float:
    """Loss in nats per token in the vocabulary of the show alone.

    Args:
        network: with a vocabulary that holds all words of `own`.
        vocabulary: the network's.
        own: the words seen twice or more in the show's training text.
        text: to score; a word outside `own` counts as the unknown token.
    """
    device = network.embedding.weight.device
    known = set(own.words)
    outside = [word not in known or word == own.unknown for word in vocabulary.words]
    outside = torch.tensor(outside, device=device)
    ids = torch.tensor(vocabulary.encode(text), device=device)
    losses = []
    for _, scores, _, targets in read_text(network, ids, vocabulary.encode(vocabulary.primer)):
        log_p = F.log_softmax(scores.float(), 2)
        log_unknown = torch.logsumexp(log_p[..., outside], 2)
        log_target = log_p.gather(2, targets[..., None])[..., 0]
        losses.append(-torch.where(outside[targets], log_unknown, log_target))
    return torch.cat(losses, 1).flatten()[: len(ids)].double().mean().item()


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    loss, bits = row["closed_loss"], row["bits_per_character"]
    test, test_bits = loss.get("test"), row["test_bits_per_character"]
    bits_cell = "" if bits is None else f"{bits:.3f}"
    bits_cell += "" if test_bits is None else f" (test {test_bits:.3f})"
    tested = "" if test is None else f"{test:.3f}"
    return (
        f"| {row['row']} | {loss['valid']:.3f} | {tested} | {bits_cell} | {row['seconds']:.1f} | "
        f"{row['whole_process']:.0f} |"
    )


if __name__ == "__main__":
    run(main)
