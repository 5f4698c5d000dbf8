"""The catalogue of data sets: names, what each needs, and errors that help."""

import pyarrow.parquet as pq
import pytest

from intentml.datasets import catalogue
from intentml.errors import DataError, RecipeError


def test_every_data_set_says_what_it_is_what_it_needs_and_whose_it_is():
    listed = catalogue.list_datasets()
    assert [info.name for info in listed] == [
        "simulated",
        "complete-journey",
        "online-retail",
        "ta-feng",
        "cdnow",
    ]
    for info in listed:
        assert all((info.what, info.needs, info.licence, info.source))


def test_a_raw_file_becomes_a_folder_of_tables(tmp_path):
    raw = tmp_path / "CDNOW_master.txt"
    raw.write_text(" 00001 19970101  1   11.77\n")
    counts = catalogue.convert("cdnow", [raw], tmp_path / "shop")
    assert pq.read_table(tmp_path / "shop" / "orders.parquet").num_rows == 1
    assert [count.rule for count in counts] == ["same_day"]


def test_a_misspelt_name_is_answered_with_the_nearest_names(tmp_path):
    with pytest.raises(DataError, match=r"no data set called 'ta_fang'\n.*nearest: ta-feng"):
        catalogue.convert("ta_fang", [tmp_path / "x"], tmp_path)


def test_a_name_like_no_other_is_answered_with_all_names(tmp_path):
    with pytest.raises(DataError, match="there are: simulated, complete-journey, online-retail"):
        catalogue.get("xyzzy", tmp_path)


def test_asking_for_a_data_set_in_the_wrong_way_tells_the_right_one(tmp_path):
    with pytest.raises(DataError, match="datasets convert cdnow FILE --out DIR"):
        catalogue.get("cdnow", tmp_path)
    with pytest.raises(DataError, match="datasets get simulated --out DIR"):
        catalogue.convert("simulated", [tmp_path / "x"], tmp_path)


def test_converting_nothing_tells_which_files_are_needed(tmp_path):
    with pytest.raises(DataError, match=r"ta_feng_all_months_merged\.csv"):
        catalogue.convert("ta-feng", [], tmp_path)


def test_options_belong_to_the_simulated_shop_alone(tmp_path):
    with pytest.raises(RecipeError, match="complete-journey has no options, and got seed"):
        catalogue.get("complete-journey", tmp_path, customers=None, seed=3)


def test_a_failed_conversion_leaves_no_folder(tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("00001 19970101\n")
    with pytest.raises(DataError):
        catalogue.convert("cdnow", [raw], tmp_path / "shop")
    assert not (tmp_path / "shop").exists()


def test_the_simulated_shop_takes_its_settings_by_name(tmp_path):
    catalogue.get("simulated", tmp_path / "shop", customers=40, seed=1, dial=None)
    assert pq.read_table(tmp_path / "shop" / "customers.parquet").num_rows == 40


@pytest.mark.parametrize("wrong", [{"dial": 1.5}, {"costumers": 10}])
def test_a_setting_out_of_range_or_unknown_is_named_with_those_there_are(tmp_path, wrong):
    with pytest.raises(
        RecipeError, match=f"{next(iter(wrong))}: .*\n.*its settings are: customers, seed, dial"
    ):
        catalogue.get("simulated", tmp_path / "shop", **wrong)
    assert not (tmp_path / "shop").exists()
