"""The report of a really trained network: two files that agree, and one line for a mistake."""

import html
import json
import re
import shutil

import pytest
import torch

from data.command_line import UserError
from job.checkpoint import load_network
from job.evaluate import held_out_loss
from job.report import __main__ as report


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    """(what report.json holds, the page) of the small show's network."""
    out = tmp_path_factory.mktemp("report")
    checkpoint = str(trained / "checkpoint.pt")
    report.main(["--checkpoint", checkpoint, "--out", str(out), "--words", "300"])
    page = (out / "report.html").read_text(encoding="utf-8")
    return json.loads((out / "report.json").read_text(encoding="utf-8")), page


def test_the_loss_is_the_one_that_training_reports(written, trained):
    network, vocabulary, content = load_network(trained / "checkpoint.pt")
    texts = report.Texts.read(report.Config(**content["config"]), vocabulary)
    ids = torch.tensor(vocabulary.numbers(texts.held_out))
    loss = held_out_loss(network, ids, vocabulary.encode(vocabulary.primer))
    scores = written[0]["scores"]
    assert scores["held_out_loss"] == pytest.approx(loss, abs=1e-5)
    assert scores["held_out_loss"] == pytest.approx(content["scores"]["valid_loss"], abs=1e-4)
    assert scores["held_out_loss"] < scores["unigram_loss"]
    assert texts.same
    assert written[0]["texts"]["training_text_is_the_models"]


def test_losses_by_kind_make_up_the_whole_loss(written):
    kinds = written[0]["loss_by_kind"].values()
    assert sum(kind["share_of_tokens"] for kind in kinds) == pytest.approx(1)
    assert sum(kind["share_of_loss"] for kind in kinds) == pytest.approx(1)
    assert sum(kind["tokens"] for kind in kinds) == written[0]["texts"]["held_out_tokens"]
    whole = sum(kind["share_of_tokens"] * (kind["loss"] or 0) for kind in kinds)
    assert whole == pytest.approx(written[0]["scores"]["held_out_loss"])


def test_the_page_stands_alone_and_shows_the_figures(written):
    figures, page = written
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert f"{figures['scores']['held_out_loss']:.3f}" in page
    for temperature in report.TEMPERATURES:
        column = figures["columns"][f"temperature {temperature}"]
        assert column["words"] > 0
        assert 0 <= column["copied_share"] <= 1
        assert f"temperature {temperature}" in page
    assert "copied_spans" not in str(figures["columns"])


def test_markup_in_a_show_is_only_text_on_the_page(trained, tmp_path):
    content = torch.load(trained / "checkpoint.pt", weights_only=True)
    name = "<img src=x onerror=alert(1)>"
    content["vocabulary"] = json.dumps(json.loads(content["vocabulary"]) | {"show": name})
    torch.save(content, tmp_path / "checkpoint.pt")
    report.main(["--checkpoint", str(tmp_path / "checkpoint.pt"), "--words", "50"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert name not in page
    assert html.escape(name) in page


def test_a_seed_gives_the_same_report(trained, tmp_path):
    pages = []
    for name in ("one", "two"):
        arguments = ["--checkpoint", str(trained / "checkpoint.pt"), "--words", "60"]
        report.main([*arguments, "--seed", "4", "--out", str(tmp_path / name)])
        figures = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        pages.append({key: value for key, value in figures.items() if key != "created"})
    assert pages[0] == pages[1]


def test_another_text_is_judged_too_and_the_report_says_so(trained, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("Ann: what is this?\n\nBob: a show, Ann.\n\n" * 60, encoding="utf-8")
    checkpoint = shutil.copy(trained / "checkpoint.pt", tmp_path)
    report.main(["--checkpoint", str(checkpoint), "--data", str(other), "--words", "50"])
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
def test_a_mistake_gets_one_line(arguments, said):
    with pytest.raises(UserError, match=said) as error:
        report.main(arguments)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_to_gets_one_line(trained, tmp_path):
    (tmp_path / "file").write_text("")
    checkpoint = str(trained / "checkpoint.pt")
    with pytest.raises(UserError, match="could not be written to"):
        report.main(["--checkpoint", checkpoint, "--out", str(tmp_path / "file"), "--words", "20"])
