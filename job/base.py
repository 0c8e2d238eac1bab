"""Fine-tuning: a network that starts from a base network, word by word.

The base has learned English from free text. A show's network takes its recurrent layers and its
projection, and the vector of each word that the base knows. A word that only the show has starts
at the mean of the base's words that are spelled most like it, as character n-grams would place it
(Bojanowski et al., "Enriching Word Vectors with Subword Information", 2017).
"""

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from data.batches import as_tensor
from data.checksum import file_sha256
from data.command_line import UserError
from data.texts import TrainingText
from data.vocab import Vocabulary
from job import checkpoint
from job.config import DEFAULT_BASE
from job.layers.subwords import char_ngrams
from job.model import RNN

IN_IMAGE = pathlib.Path(__file__).parent.parent / "base"  # where artifacts/ is a mount
NEIGHBORS = 8  # base words that a new word's vector is the mean of
SIGNATURE = 512  # numbers that represent the spelling of a word
STREAMS, TIME, CHUNK = 16, 512, 32  # of the sample that `match_frequencies` reads
MAX_BIAS = 8.0  # change of a word's bias, at most


@dataclasses.dataclass(frozen=True)
class Base:
    """A base network with its vocabulary."""

    network: RNN
    vocabulary: Vocabulary
    sha256: str  # of its file

    @classmethod
    def load(cls, path: str) -> "Base":
        """Reads a base from a checkpoint, or from the folder of one.

        Raises:
            UserError: if there is none, or it is damaged, of another version or tokenizer.
        """
        file = find_base(path)
        network, vocabulary, _ = checkpoint.load_network(file)
        return cls(network, vocabulary, file_sha256(file))


def find_base(path: str) -> pathlib.Path:
    """The checkpoint that `--base` names; raises `UserError` if there is none."""
    file = pathlib.Path(path)
    if path == DEFAULT_BASE and not file.is_dir():
        file = IN_IMAGE
    file = file / checkpoint.NAME if file.is_dir() else file
    if not file.is_file():
        raise UserError(
            f"--base {path}: there is no {file}; give a checkpoint of this program, or none to "
            "train from scratch"
        )
    return file


def extend_texts(texts: TrainingText, base: Vocabulary, size: int) -> TrainingText:
    """The texts of a run with the base's words in their vocabulary, and the ids to match.

    The show's words stay first. After them come words that the show has too rarely for its own
    vocabulary and the base knows, then the base's most frequent words.

    Args:
        texts: of the show alone.
        base: the vocabulary of the base, most frequent words first.
        size: words of the result, at most; the show's own are all kept.
    """
    own = texts.vocabulary
    in_script = isinstance(texts.train_ids, list)  # else ids of a prepared corpus, which are fixed
    words = extended_words(own.words, base, size, texts.train_words if in_script else [])
    vocabulary = dataclasses.replace(own, words=words)
    if not in_script:
        counts = [*texts.counts, *[0] * (len(words) - len(own))]
        return dataclasses.replace(texts, vocabulary=vocabulary, counts=counts)
    ids = vocabulary.numbers(texts.train_words)
    counted = collections.Counter(ids)
    counts = [counted[index] for index in range(len(words))]
    return dataclasses.replace(texts, vocabulary=vocabulary, train_ids=ids, counts=counts)


def extended_words(
    own: Sequence[str], base: Vocabulary, size: int, seen: Iterable[str]
) -> list[str]:
    """A show's words, then those of the base, `size` at most; see `extend_texts`.

    Args:
        seen: the words of the show's training text, of any frequency.
    """
    known, seen = set(own), set(seen)
    added = [word for word in base.words if word not in known and word != base.unknown]
    rare = [word for word in added if word in seen]
    # A speaker of the base has no lines in this show.
    other = [word for word in added if word not in seen and not word.endswith(":")]
    return [*own, *[*rare, *other][: max(0, size - len(known))]]


@torch.no_grad()
def initialize(network: RNN, vocabulary: Vocabulary, base: Base) -> Tensor:
    """Copies the base's weights into a network of the same sizes.

    Subword vectors, if the network has any, start at zero: it then computes what the base computes.

    Returns:
        The ids of the words that the base does not know.
    """
    weights = dict(base.network.state_dict())
    embedding, bias = weights.pop("embedding.weight"), weights.pop("fc.bias")
    output = weights.pop("fc.weight")
    network.load_state_dict(weights, strict=False)
    number = {word: row for row, word in enumerate(base.vocabulary.words)}
    rows = torch.tensor([number.get(word, -1) for word in vocabulary.words])
    new = (rows < 0).nonzero()[:, 0]
    nearest = neighbors([vocabulary.words[place] for place in new.tolist()], base.vocabulary.words)
    for target, source in (
        (network.embedding.weight, embedding),
        (network.fc.weight, output),
        (network.fc.bias, bias),
    ):
        values = source[rows]
        values[new] = source[nearest].mean(1)
        target.copy_(values)
    if network.subwords is not None:
        network.subwords.weight.zero_()
    return new


@torch.no_grad()
def match_frequencies(
    network: RNN, words: Sequence[str], new: Tensor, ids: Sequence[int], counts: Sequence[int]
) -> None:
    """Sets the bias of new words so that the base expects them as often as the show has them.

    The base gives them almost no probability, and a few epochs at a small learning rate do not
    correct that: they would be written three to ten times too rarely. Speakers are left as they
    are: they begin lines, and with a higher bias they would be written within lines too.

    Args:
        network: after `initialize`.
        words: the vocabulary by id.
        new: ids of the words that the base does not know.
        ids: of the training text; its beginning is read.
        counts: of each word in the training text, by id.
    """
    new = new[[not words[place].endswith(":") for place in new.tolist()]]
    if not len(new):
        return
    device = network.fc.bias.device
    rows = min(STREAMS, len(ids))
    time = min(TIME, len(ids) // rows)
    streams = as_tensor(ids[: rows * time]).to(device).view(rows, time)
    network.eval()
    hidden, expected = network.init_hidden(rows), torch.zeros(len(new), device=device)
    for part in streams.split(CHUNK, 1):
        scores, hidden = network.all_scores(part, hidden)
        expected += scores.float().softmax(-1)[..., new].sum((0, 1))
    share = torch.tensor([max(1, counts[place]) for place in new.tolist()]) / sum(counts)
    change = (share.to(device) * streams.numel() / expected).log().clamp(-MAX_BIAS, MAX_BIAS)
    network.fc.bias[new] += change
    network.train()


def neighbors(words: Sequence[str], known: Sequence[str]) -> Tensor:
    """The rows of the `NEIGHBORS` known words spelled most like each word: (words, NEIGHBORS).

    Likeness is the cosine between sets of character n-grams, by random projection.
    """
    signatures = spelling_signatures([*known, *words])
    likeness = signatures[len(known) :] @ signatures[: len(known)].T
    return likeness.topk(min(NEIGHBORS, len(known)), dim=1).indices


def spelling_signatures(words: Sequence[str]) -> Tensor:
    """Unit vectors (words, SIGNATURE) whose products approximate the cosines of n-gram sets."""
    number: dict[str, int] = collections.defaultdict(itertools.count().__next__)
    ids, starts = [], []
    for word in words:
        starts.append(len(ids))
        if not word.startswith(("||", "<")):
            ids += map(number.__getitem__, char_ngrams(word))
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(max(1, len(number)), SIGNATURE, generator=generator)
    sums = F.embedding_bag(
        torch.tensor(ids, dtype=torch.int64), table, torch.tensor(starts), mode="sum"
    )
    return F.normalize(sums)
