"""The seed's three functions, and text to words and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from data import tokens
from data.batches import batch_data, count_stream_batches, stream_batches
from data.command_line import UserError
from data.show import read as corpus
from data.vocab import Vocabulary, create_lookup_tables


def test_token_lookup_has_exactly_the_ten_symbols():
    table = tokens.token_lookup()
    assert set(table) == set('.,";!?()-\n')
    assert len(set(table.values())) == 10
    assert not any(symbol in name for symbol in table for name in table.values())


def test_lookup_tables_are_each_others_inverse():
    words = ["the", "cat", "sat", "on", "the", "mat", "the", "end"]
    vocab_to_int, int_to_vocab = create_lookup_tables(words)
    assert isinstance(vocab_to_int, dict)
    assert isinstance(int_to_vocab, dict)
    assert set(vocab_to_int) == set(words)
    assert sorted(int_to_vocab) == list(range(6))
    assert vocab_to_int["the"] == 0
    assert all(int_to_vocab[vocab_to_int[word]] == word for word in words)


def test_batch_data_gives_complete_windows_and_the_word_after():
    loader = batch_data(list(range(50)), sequence_length=5, batch_size=10)
    assert isinstance(loader, DataLoader)
    assert isinstance(loader.dataset, TensorDataset)
    batches = list(loader)
    windows = torch.cat([inputs for inputs, _ in batches])
    targets = torch.cat([target for _, target in batches])
    assert windows.shape == (45, 5)
    assert windows.dtype == targets.dtype == torch.int64
    assert torch.equal(windows[:, -1] + 1, targets)
    assert sorted(windows[:, 0].tolist()) == list(range(45))


def test_batch_data_refuses_a_text_without_a_window():
    with pytest.raises(ValueError, match="5 words hold no window of 5"):
        batch_data([1, 2, 3, 4, 5], 5, 2)


@given(st.integers(8, 200), st.integers(1, 4), st.integers(1, 9), st.integers(0, 300))
def test_streams_go_on_where_they_ended(n_ids, batch_size, length, shift):
    batches = list(stream_batches(torch.arange(n_ids), batch_size, length, shift))
    assert len(batches) == count_stream_batches(n_ids, batch_size, length)
    joined = torch.cat([inputs for inputs, _ in batches], 1)
    assert torch.equal((joined[:, :-1] + 1) % n_ids, joined[:, 1:])
    assert all(torch.equal((inputs + 1) % n_ids, targets) for inputs, targets in batches)


def test_typed_as_a_person_types_it():
    text = (
        'jerry: (to elaine) well, "hello" to you... - it\'s $10,000.50! a well-known '
        "u.s. thing...\n"
    )
    symbols = tokens.token_lookup()
    assert tokens.join_words(tokens.split_words(text, symbols), symbols) == text


@given(st.text())
def test_words_survive_being_joined_and_split_again(text):
    symbols = tokens.token_lookup()
    words = tokens.split_words(tokens.normalize(text, tokens.normalization_of(text)), symbols)
    again = tokens.split_words(tokens.join_words(words, symbols), symbols)
    assert again == words


def test_vocabulary_survives_its_json():
    vocabulary = Vocabulary.build("Zoë: oui!\n\nZoë: non.\n\n" * 9, "Café")
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary
    assert vocabulary.speakers == [("zoë", 18)]
    assert vocabulary.encode("ZOË:") == vocabulary.encode("zoë:")
    assert vocabulary.encode("never")[0] == vocabulary.unknown_id


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x00\x01binary" * 99, "not plain text"),
        (b"caf\xe9 " * 300, "not UTF-8 (line 1)"),
        (b"too short", "holds 2 words"),
    ],
)
def test_bad_files_get_one_line(tmp_path, content, says):
    path = tmp_path / "show.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        corpus.read_show(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_as_people_have_them(tmp_path):
    plain, windows = tmp_path / "a.txt", tmp_path / "b.txt"
    plain.write_bytes(b"Ann: hi\n\n" * 150)
    windows.write_bytes(b"\xef\xbb\xbf" + b"Ann: hi\r\n\r\n" * 150)
    table = tmp_path / "c.csv"
    table.write_text(",Character,Dialogue,EpisodeNo\n" + '0,Ann,"hi",1.0\n' * 150)
    assert corpus.read_show(plain) == corpus.read_show(windows) == corpus.read_show(table)


def test_one_long_line_is_split_between_words(tmp_path):
    path = tmp_path / "line.txt"
    path.write_text("word " * 400)
    train, valid = corpus.split_show(corpus.read_show(path), 0.05)
    assert train.endswith(" ")
    assert valid.startswith("word")
    assert 15 <= len(valid.split()) <= 25


def test_the_embedded_show_keeps_its_format():
    text = corpus.read_show(corpus.LOW_TIDE)
    lines = [line for line in text.split("\n") if line]
    assert len(text) > 90_000
    assert all(line.count("(") == line.count(")") for line in lines)
    assert all(line.startswith(("[", "(")) or ": " in line for line in lines)
