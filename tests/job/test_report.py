"""The report of a trained network: report.json, report.html, one-line errors."""

import dataclasses
import html
import json
import re
import shutil

import pytest

from data.command_line import UserError
from job.checkpoint import load_checkpoint, load_network, save_checkpoint
from job.config import Config
from job.evaluate import TokenizedText, held_out_loss
from job.layers.cache import CacheConfig
from job.report.__main__ import main
from job.report.build import TEMPERATURES, ReportTexts


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    """(the content of report.json, the page) of the small show's network."""
    out = tmp_path_factory.mktemp("report")
    checkpoint = str(trained / "checkpoint.pt")
    main(["--checkpoint", checkpoint, "--out", str(out), "--words", "300"])
    page = (out / "report.html").read_text(encoding="utf-8")
    return json.loads((out / "report.json").read_text(encoding="utf-8")), page


def test_report_losses_equal_those_of_training(written, trained):
    network, vocabulary, content = load_network(trained / "checkpoint.pt")
    texts = ReportTexts.read(Config(**content.config), vocabulary)
    text = TokenizedText.read(texts.held_out_text, vocabulary, "cpu")
    primer = vocabulary.encode(vocabulary.primer)
    loss = held_out_loss(network, text.ids, primer)
    scores = written[0]["scores"]
    assert scores["held_out_loss"] == pytest.approx(loss, abs=1e-5)
    assert scores["held_out_loss"] == pytest.approx(content.scores["valid_loss"], abs=1e-4)
    if content.cache:
        cache = CacheConfig(**content.cache)
        with_cache = held_out_loss(network, text.ids, primer, cache=cache, labels=text.labels)
        assert scores["held_out_loss_with_cache"] == pytest.approx(with_cache, abs=1e-5)
        assert with_cache == pytest.approx(content.scores["valid_loss_with_cache"], abs=1e-4)
    assert scores["held_out_loss"] < scores["unigram_loss"]
    assert texts.same
    assert written[0]["texts"]["training_text_is_the_models"]


def test_report_losses_by_kind_add_up_to_the_total(written):
    kinds = written[0]["loss_by_kind"].values()
    assert sum(kind["share_of_tokens"] for kind in kinds) == pytest.approx(1)
    assert sum(kind["share_of_loss"] for kind in kinds) == pytest.approx(1)
    assert sum(kind["tokens"] for kind in kinds) == written[0]["texts"]["held_out_tokens"]
    whole = sum(kind["share_of_tokens"] * (kind["loss"] or 0) for kind in kinds)
    assert whole == pytest.approx(written[0]["scores"]["held_out_loss"])


def test_report_page_has_all_figures_and_no_external_request(written):
    figures, page = written
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert f"{figures['scores']['held_out_loss']:.3f}" in page
    for temperature in TEMPERATURES:
        column = figures["columns"][f"temperature {temperature}"]
        assert column["words"] > 0
        assert 0 <= column["copied_share"] <= 1
        assert f"temperature {temperature}" in page
    assert "copied_spans" not in str(figures["columns"])


def test_report_page_escapes_markup(trained, tmp_path):
    found = load_checkpoint(trained / "checkpoint.pt")
    name = "<img src=x onerror=alert(1)>"
    vocabulary = json.dumps(json.loads(found.vocabulary) | {"show": name})
    renamed = dataclasses.replace(found, vocabulary=vocabulary)
    save_checkpoint(tmp_path / "checkpoint.pt", renamed)
    main(["--checkpoint", str(tmp_path / "checkpoint.pt"), "--words", "50"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert name not in page
    assert html.escape(name) in page


def test_report_is_reproducible_with_a_seed(trained, tmp_path):
    pages = []
    for name in ("one", "two"):
        arguments = ["--checkpoint", str(trained / "checkpoint.pt"), "--words", "60"]
        main([*arguments, "--seed", "4", "--out", str(tmp_path / name)])
        figures = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        pages.append({key: value for key, value in figures.items() if key != "created"})
    assert pages[0] == pages[1]


def test_report_on_another_text_has_a_warning(trained, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("Ann: what is this?\n\nBob: a show, Ann.\n\n" * 60, encoding="utf-8")
    checkpoint = shutil.copy(trained / "checkpoint.pt", tmp_path)
    main(["--checkpoint", str(checkpoint), "--data", str(other), "--words", "50"])
    figures = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert not figures["texts"]["training_text_is_the_models"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--words", "0"], "--words must be at least 1"),
        (["--seed", "-1"], "--seed must be from 0"),
        (["--checkpoint", "nowhere/checkpoint.pt"], "there is no such checkpoint"),
    ],
)
def test_report_errors_are_one_line(arguments, said):
    with pytest.raises(UserError, match=said) as error:
        main(arguments)
    assert "\n" not in str(error.value)


def test_report_in_an_unwritable_folder_is_one_line(trained, tmp_path):
    (tmp_path / "file").write_text("")
    checkpoint = str(trained / "checkpoint.pt")
    with pytest.raises(UserError, match="could not be written to"):
        main(["--checkpoint", checkpoint, "--out", str(tmp_path / "file"), "--words", "20"])
