"""The ratios of generation speeds: every row has a peer, and an incomplete bundle has none."""

import pytest

from job.checkpoint import load_network
from tests.bench.generation_ratios import compare, measure_ratios, ratio_table, weights_read
from tests.models import export_with_speller_and_cache


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_each_speed_is_compared_with_a_floor_or_peer(trained, tmp_path):
    network, *_ = export_with_speller_and_cache(trained / "checkpoint.pt", tmp_path, 20, 0)
    ratios = measure_ratios(tmp_path, network, 4, 1)
    assert [each.first_word for each in ratios] == [False] * 5 + [True] * 2
    assert all(each.seconds > 0 and each.peer_seconds > 0 and each.ratio > 0 for each in ratios)
    rows = ratio_table(ratios)[3:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {each.name}" for each in ratios]


def test_ratio_is_the_median_of_the_rounds():
    row = compare("own", "peer", 10, {"own": [2.0, 4.0, 8.0], "peer": [1.0, 1.0, 6.0]})
    assert (row.seconds, row.peer_seconds, row.ratio) == (4.0, 1.0, 0.5)
    assert row.row() == "| own | 2 words/s | peer | 10 words/s | 50% |"


def test_incomplete_bundle_has_no_ratios(trained, tmp_path):
    network, *_ = load_network(trained / "checkpoint.pt")
    assert measure_ratios(tmp_path, network, 1, 1) == []
    assert len(ratio_table([])) == 1


def test_weights_read_are_those_of_one_step(trained):
    network, *_ = load_network(trained / "checkpoint.pt")
    steps = [*network.layers.parameters(), network.fc.weight, *network.projection.parameters()]
    assert weights_read(network) == sum(weight.numel() for weight in steps if weight.dim() == 2)
