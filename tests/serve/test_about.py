"""The About tab: training curves, what the model is bad at, commands, downloads."""

import html
import json
import re
import xml.etree.ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.limits import MAX_EVALUATIONS
from serve.models.bundles import open_bundle
from serve.page.about_tab import about_html
from serve.page.chart import HEIGHT, WIDTH, ticks, training_chart

NAMES = ("epoch", "train_loss_without_dropout", "valid_loss")


def row(epoch=1, train=3.0, valid=3.5):
    return dict(zip(NAMES, (epoch, train, valid), strict=True))


def svg_of(chart):
    return xml.etree.ElementTree.fromstring(chart[chart.index("<svg") : chart.index("</svg>") + 6])


def write_rows(folder, rows):
    text = "".join(json.dumps(each) + "\n" for each in rows)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")


def about(folder, prefix=None):
    opened = open_bundle(folder, "onnx", "fp32")
    facts = opened.facts | {"speakers": ["Ann"], "vocabulary": 9}
    return about_html([facts], [opened], prefix)


def test_training_run_of_a_bundle_is_in_its_chart(bundle):
    rows = open_bundle(bundle, "onnx", "fp32").evaluations()
    assert [each["epoch"] for each in rows] == [1, 2, 3, 4, 5, 6]
    content = about(bundle)
    assert content.count("<circle") == 12
    assert f"to {min(each['valid_loss'] for each in rows):.2f} at best" in content


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON\n",
        "[]\n",
        '{"epoch": 1}\n',
        json.dumps(row(valid=float("nan"))),
        json.dumps(row(valid=1e300)),
        json.dumps(row(train="low")),
        "[" * 100_000,
        "\udc80",
    ],
)
def test_damaged_metrics_give_no_chart(copy, text):
    (copy / "metrics.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert open_bundle(copy, "onnx", "fp32").evaluations() == []
    assert "<svg" not in about(copy)


def test_missing_metrics_give_no_chart(copy):
    (copy / "metrics.jsonl").unlink()
    assert "<svg" not in about(copy)
    assert "How it was trained" in about(copy)


def test_chart_of_a_long_run_has_the_last_evaluations(copy):
    write_rows(copy, [row(epoch) for epoch in range(MAX_EVALUATIONS + 50)])
    rows = open_bundle(copy, "onnx", "fp32").evaluations()
    assert len(rows) == MAX_EVALUATIONS
    assert rows[-1]["epoch"] == MAX_EVALUATIONS + 49
    assert len(about(copy)) < 40_000


losses = st.floats(0, 1000, allow_subnormal=False)


@given(st.lists(st.builds(row, epoch=losses, train=losses, valid=losses), min_size=1, max_size=60))
def test_chart_is_xml_and_inside_its_frame(rows):
    picture = svg_of(training_chart(rows))
    assert len(list(picture.iter())) < 250
    for each in picture.iter("circle"):
        assert 0 <= float(each.get("cx")) <= WIDTH
        assert 0 <= float(each.get("cy")) <= HEIGHT


@given(losses, losses)
def test_ticks_are_few_and_inside_of_the_range(one, other):
    low, high = sorted((one, other))
    found = ticks(low, high)
    assert len(found) <= 7
    assert all(low <= tick <= high for tick in found)


def test_about_names_limits_and_commands(bundle):
    content = about(bundle)
    for part in ("What it is bad at", "no plot", "make train DATA=my_show.txt", "make serve"):
        assert part in content
    assert [int(level) for level in re.findall(r"<h(\d)", content)] == [2, 2, 2, 3, 2]


def test_about_links_the_files_only_if_they_are_offered(bundle):
    assert "download" not in about(bundle)
    content = about(bundle, "/cold-open/download")
    opened = open_bundle(bundle, "onnx", "fp32")
    links = re.findall(r'href="([^"]+)"', content)
    prefix = f"/cold-open/download/{opened.weights}/"
    assert [link.removeprefix(prefix) for link in links] == list(opened.downloads())
    assert {"model.onnx", "vocab.json", "manifest.json", "README.md"} <= set(opened.downloads())
    assert not {"checkpoint.pt", "resume.pt", "metrics.jsonl"} & set(opened.downloads())


def test_file_names_in_a_manifest_do_not_leave_the_folder(copy):
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    (copy.parent / "secret").write_text("x")
    manifest["files"] |= {"../secret": {}, str(copy.parent / "secret"): {}, "a/../../secret": {}}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert not [name for name in open_bundle(copy, "onnx", "fp32").downloads() if "secret" in name]


def test_show_names_are_escaped(copy):
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text("utf-8")) | {"show": "<b>A & B</b>"}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    content = about(copy)
    assert html.escape("<b>A & B</b>") in content
    assert "<b>A" not in content
