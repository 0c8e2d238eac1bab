"""Copies of bundles that a test may damage."""

import shutil

import pytest

from export.manifest import FORMATS
from tests.models import export_with_speller_and_cache


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy of a bundle without its checkpoint."""
    return copied(bundle, tmp_path)


@pytest.fixture(scope="session")
def bundle_with_speller(trained, tmp_path_factory):
    """A bundle with a speller and a neural cache of 20 words."""
    folder = tmp_path_factory.mktemp("with-speller")
    export_with_speller_and_cache(trained / "checkpoint.pt", folder, 20, 6)
    return folder


@pytest.fixture
def copy_with_speller(bundle_with_speller, tmp_path):
    """A copy of a bundle with a speller and a neural cache."""
    return copied(bundle_with_speller, tmp_path)


def copied(bundle, folder):
    for name in (*FORMATS, "manifest.json"):
        if (bundle / name).exists():
            shutil.copy(bundle / name, folder)
    return folder
