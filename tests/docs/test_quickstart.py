"""docs/quickstart.ipynb: it runs from top to bottom, and has the outputs of a real run."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT, TINY

PATH = ROOT / "docs" / "quickstart.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(PATH, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    """All text that the cells print, or show as a result."""
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            found.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(found)


def test_notebook_has_the_outputs_of_a_run_from_top_to_bottom(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    text = outputs(notebook)
    for shown in ("Wendell", "held-out loss 2.", "--- temperature 0.8", "model.int8.onnx"):
        assert shown in text
    assert str(ROOT) not in text
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert PATH.stat().st_size < 200_000


# Jupyter's client closes its sockets after its event loop.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_notebook_runs_with_a_tiny_network(notebook, show, tmp_path):
    tagged = [each for each in notebook.cells if "tags" in each.metadata]
    assert [each.metadata["tags"] for each in tagged] == [["parameters"]]
    tagged[0].source = "\n".join(
        [
            f"SCRIPT = {str(show)!r}",
            f"OUT = pathlib.Path({str(tmp_path / 'quickstart')!r})",
            f"FLAGS = {['--preset', 'laptop', *TINY, '--epochs', '1']!r}",
        ]
    )
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(PATH.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    text = outputs(notebook)
    assert "perplexity" in text
    assert "model.int8.torchscript.pt" in text
    assert (tmp_path / "quickstart" / "manifest.json").exists()
    last = next(cell for cell in reversed(code_cells(notebook)))
    assert len(last.outputs[0].text.split()) > 20
