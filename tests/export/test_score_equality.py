"""One score: evaluator, TorchScript writer and NumPy writer give equal log-probabilities."""

import dataclasses
import math

import pytest
import torch

from data.tokens import join_words
from export.bundle import export
from job.checkpoint import load_network, save_checkpoint
from job.evaluate import TokenizedText, features_at, token_losses
from job.layers.cache import CacheConfig
from job.layers.speller import Speller, pack_speller, unpack_speller
from serve.models.onnx_writer import OnnxWriter

EVERY_WORD = 10**6  # for `top_next`
TEXT = (
    "Ann: hello zork, Bob!\n\nBob: not now, zork. blip?\n\nAnn: (waving) hello blip.\n\n"
    "Bob: zork zork, hello Ann.\n\nZork: no?\n\nAnn: hello there, Zork."
)


@pytest.fixture(scope="module", params=[1000, 12])
def exported(trained, tmp_path_factory, request):
    """The small show's network exported with a strong cache and a speller: (folder, checkpoint)."""
    folder = tmp_path_factory.mktemp("exported")
    network, vocabulary, checkpoint = load_network(trained / "checkpoint.pt")
    with torch.no_grad():  # the unknown token is likely: its probability is measured as a rest
        network.fc.bias[vocabulary.unknown_id] = network.fc.bias.mean() + 6
    torch.manual_seed(3)
    speller = Speller("abiklnoprz:", network.fc.in_features, hidden_dim=16).eval()
    cache = dataclasses.asdict(CacheConfig(request.param, 0.2, 0.3, 4.0))
    strong = dataclasses.replace(
        checkpoint, model=network.state_dict(), cache=cache, speller=pack_speller(speller)
    )
    save_checkpoint(folder / "checkpoint.pt", strong)
    export(folder / "checkpoint.pt")
    return folder, strong


@pytest.fixture(scope="module", params=["torchscript", "onnx"])
def top_next(exported, request):
    """A writer's `top_next`: (word as typed, probability) of every word that can be next."""
    folder, _ = exported
    if request.param == "torchscript":
        return torch.jit.load(str(folder / "model.torchscript.pt")).top_next
    _, vocabulary, _ = load_network(folder / "checkpoint.pt")
    files = [(folder / name).read_bytes() for name in ("model.onnx", "speller.onnx")]
    text = (folder / "vocab.json").read_text(encoding="utf-8")
    return OnnxWriter(*files, vocabulary.from_json(text)).top_next


def test_evaluator_and_writers_have_equal_log_probabilities(exported, top_next):
    folder, checkpoint = exported
    network, vocabulary, _ = load_network(folder / "checkpoint.pt")
    primer = vocabulary.encode(vocabulary.primer)
    text = TokenizedText.read(TEXT, vocabulary, "cpu")
    cache = CacheConfig(**checkpoint.cache)
    words = vocabulary.split(TEXT)
    unknown = (text.ids == vocabulary.unknown_id).nonzero()[:, 0]
    speller = unpack_speller(checkpoint.speller)
    spelling = torch.zeros(len(words))
    with torch.no_grad():
        features = features_at(network, text.ids, primer, unknown)
        letters = speller.encode([words[place] for place in unknown])
        spelling[unknown] = speller.losses(letters, features)
    score = {"streams": 1, "cache": cache, "labels": text.labels}
    of_event = (-token_losses(network, text.ids, primer, **score)).tolist()
    of_word = (-token_losses(network, text.ids, primer, **score, spelling=spelling)).tolist()
    names = {name: symbol for symbol, name in vocabulary.symbols.items()}
    known = {names.get(word, word) for word in vocabulary.words}
    recalled = 0
    for place, word in enumerate(words):
        prompt = join_words(words[:place], vocabulary.symbols)
        found = dict(top_next(prompt, EVERY_WORD, invent_words=True))
        unknown_token = 1 - sum(found.values())  # `top_next` leaves it out
        shown = names.get(word, word)
        if place not in unknown:
            assert of_event[place] == of_word[place]
            assert of_event[place] == pytest.approx(math.log(found[shown]), abs=1e-4)
            continue
        in_vocabulary = sum(chance for name, chance in found.items() if name in known)
        assert of_event[place] == pytest.approx(math.log(1 - in_vocabulary), abs=1e-3)
        spelled = unknown_token * math.exp(-spelling[place])
        recalled += shown in found and found[shown] > 0
        expected = math.log(found.get(shown, 0.0) + spelled)
        assert of_word[place] == pytest.approx(expected, abs=1e-3)
    assert len(set(text.oov)) >= 3
    assert recalled >= 3  # the cache has recalled out-of-vocabulary words


@pytest.mark.parametrize("prompt", ["Ann: hello zork, Bob!\n\n", TEXT])
def test_probability_of_invented_words_goes_to_all_other_words(top_next, prompt):
    with_invented = dict(top_next(prompt, EVERY_WORD, invent_words=True))
    total = math.fsum(with_invented.values())
    assert total < 0.9999
    expected = {word: chance / total for word, chance in with_invented.items()}
    assert dict(top_next(prompt, EVERY_WORD)) == pytest.approx(expected, rel=1e-5)
    assert expected["zork"] > 0
