"""Customers written to a CSV file: whole or not at all, where a file can be."""

from __future__ import annotations

import stat

import pandas as pd
import pytest

from intentml.cli.answers import write_csv

CUSTOMERS = pd.DataFrame({"customer_id": ["007"], "probability": [0.5], "rank": [1]})


def test_the_file_is_plain_csv_that_others_may_read(tmp_path):
    path = tmp_path / "deep" / "milk.csv"
    write_csv(CUSTOMERS, path)
    assert path.read_text() == "customer_id,probability,rank\n007,0.5,1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [found.name for found in path.parent.iterdir()] == ["milk.csv"]


def test_a_folder_of_that_name_is_told_by_its_own_name(tmp_path):
    with pytest.raises(IsADirectoryError) as refused:
        write_csv(CUSTOMERS, tmp_path)
    assert refused.value.filename == str(tmp_path)
    assert not list(tmp_path.iterdir())
