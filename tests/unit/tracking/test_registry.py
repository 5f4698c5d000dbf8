"""Versions, aliases and the folder behind them, in a real registry; the model as MLflow loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import intentml as im
import scored_shop
from intentml import tracking
from intentml.errors import DataError, TrackingError
from intentml.inference.folder import FILES
from random_shop import AS_OF_TEXT

NAME = "shop"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a name of its own."""
    folder = tmp_path_factory.mktemp("registry") / "my model"
    scored_shop.model().save(folder)
    return folder


@pytest.fixture(scope="module")
def products() -> pd.DataFrame:
    return pd.DataFrame(scored_shop.frames()["products"])[
        ["product_id", "name", "category", "category_path", "brand"]
    ]


@pytest.fixture(scope="module")
def run(tracking_store: str, model_folder: Path, products: pd.DataFrame) -> Any:
    """A run that logged the model, registered as version 1 of `shop`, its champion."""
    fingerprint = scored_shop.model().fingerprint
    with tracking.open_run("train", tags={"fingerprint": fingerprint}) as run:
        logged = run.model(model_folder, products)
    version = tracking.register(logged, NAME, {"fingerprint": fingerprint})
    assert version.number == "1"
    assert tracking.set_alias(version, "champion") is None
    return run


@pytest.fixture(scope="module")
def loaded(run: Any, tracking_store: str) -> Any:
    """The champion, as anybody with MLflow loads it."""
    import mlflow

    mlflow.set_tracking_uri(tracking_store)
    return mlflow.pyfunc.load_model(f"models:/{NAME}@champion")


@pytest.mark.parametrize("uri", [f"models:/{NAME}@champion", f"models:/{NAME}/1"])
def test_a_registered_model_is_the_folder_that_was_logged(run: Any, model_folder: Path, uri: str) -> None:
    folder = tracking.local_model(uri)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert all((folder / name).read_bytes() == (model_folder / name).read_bytes() for name in FILES)
    assert im.load_model(folder).fingerprint == scored_shop.model().fingerprint


def test_a_logged_model_is_found_by_its_run_and_by_its_fingerprint(run: Any) -> None:
    logged = tracking.model_of_run(run.run_id)
    assert tracking.model_with(scored_shop.model().fingerprint) == logged
    assert tracking.model_with("0" * 32) is None
    assert tracking.local_model(logged) == tracking.local_model(f"models:/{NAME}/1")


def test_a_version_is_found_by_the_fingerprint_of_its_model(run: Any) -> None:
    found = tracking.version_of(NAME, scored_shop.model().fingerprint)
    assert found is not None
    assert (found.name, found.number) == (NAME, "1")
    assert tracking.version_of(NAME, "0" * 32) is None


def test_an_alias_moves_and_tells_where_it_was(run: Any) -> None:
    second = tracking.register(tracking.model_of_run(run.run_id), NAME)
    first = tracking.version_of(NAME, scored_shop.model().fingerprint)
    assert first is not None
    assert tracking.set_alias(second, "moving") is None
    assert tracking.set_alias(first, "moving") == second.number


@pytest.mark.parametrize(
    ("uri", "told", "hint"),
    [
        (f"models:/{NAME}@challenger", "no alias 'challenger': its aliases are champion", "intentml promote"),
        (f"models:/{NAME}/99", r"no version 99: .*its versions 1", "intentml promote"),
        ("models:/shopp@champion", "no model is registered as 'shopp'", NAME),
        (f"models:/{NAME}", "names no registered model", "models:/NAME@ALIAS"),
        ("models:/", "names no registered model", "models:/NAME@ALIAS"),
    ],
)
def test_what_is_not_registered_is_told_with_what_is(run: Any, uri: str, told: str, hint: str) -> None:
    with pytest.raises(TrackingError, match=told) as error:
        tracking.local_model(uri)
    assert hint in str(error.value.hint)


@pytest.mark.usefixtures("run")  # so that the default store is there, whichever test comes first
def test_a_store_named_by_its_uri_is_the_one_whatever_the_default(model_folder: Path, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    with tracking.open_run("train", uri=other) as run:
        logged = run.model(model_folder)
    version = tracking.register(logged, "only here", uri=other)
    tracking.set_alias(version, "champion", uri=other)
    assert tracking.local_model("models:/only here@champion", uri=other).is_relative_to(tmp_path)
    with pytest.raises(TrackingError, match="no model is registered as 'only here'"):
        tracking.local_model("models:/only here@champion")


def test_asking_a_store_that_is_not_there_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ask in (tracking.local_model, tracking.model_of_run):
        with pytest.raises(TrackingError, match="there is no tracking store"):
            ask(f"models:/{NAME}@champion", uri="sqlite:///mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_nobody_made_or_that_logged_no_model_is_told(run: Any) -> None:
    with pytest.raises(TrackingError, match="neither a model folder nor a run"):
        tracking.model_of_run("nosuchrun")
    with tracking.open_run("without") as empty:
        pass
    with pytest.raises(TrackingError, match="logged no model"):
        tracking.model_of_run(empty.run_id)


# -- the model as MLflow loads it -------------------------------------------------------------------


def test_mlflow_predicts_from_order_lines_what_score_gives_for_them(
    loaded: Any, products: pd.DataFrame
) -> None:
    lines = scored_shop.frames()["orders"]
    params = {"as_of": AS_OF_TEXT, "horizon_days": 14, "top": 3}
    predicted = loaded.predict(lines, params=params)
    log = im.read_tables({"orders": lines, "products": products})
    scores = im.score(scored_shop.model(), log, as_of=AS_OF_TEXT, horizon_days=14)
    expected = scores.customers
    pd.testing.assert_frame_equal(predicted.drop(columns="interests"), expected)
    interests = scores.interests(3)
    assert set(interests["kind"]) == {"category", "category_node", "brand", "product"}
    assert sum(map(len, predicted["interests"])) == len(interests)
    assert predicted["interests"][0] == interests[interests["customer_id"] == expected["customer_id"][0]].loc[
        :, ["kind", "target", "probability"]
    ].to_dict("records")


def test_ids_may_be_numbers_and_times_timestamps(loaded: Any) -> None:
    lines = scored_shop.frames()["orders"]
    as_text = loaded.predict(lines.assign(ordered_at=lines["ordered_at"].astype(str)), {"as_of": AS_OF_TEXT})
    codes, names = pd.factorize(lines["customer_id"])
    numbered = lines.assign(
        customer_id=np.where(codes < 0, np.nan, codes), ordered_at=pd.to_datetime(lines["ordered_at"])
    )
    as_numbers = loaded.predict(numbered, {"as_of": AS_OF_TEXT}).set_index("customer_id")
    assert len(as_numbers) == len(as_text)
    back = as_numbers.loc[[str(names.get_loc(one)) for one in as_text["customer_id"]]]
    assert back["churn_probability"].to_numpy() == pytest.approx(as_text["churn_probability"].to_numpy())


def test_the_example_that_travels_with_the_model_is_one_it_answers(loaded: Any, tracking_store: str) -> None:
    example = loaded.input_example
    assert set(example["customer_id"]) == {"customer-1", "customer-2"}  # invented
    answer = loaded.predict(example, params={"as_of": AS_OF_TEXT})
    assert answer["customer_id"].tolist() == ["customer-1", "customer-2"]
    assert answer["churn_probability"].between(0, 1).all()


def test_the_signature_names_every_column_of_the_contract_and_gives_as_of_no_default(loaded: Any) -> None:
    from intentml.tables.contracts import ORDERS

    signature = loaded.metadata.signature
    columns = {column.name: column.required for column in signature.inputs}
    assert columns == {column.name: column.required for column in ORDERS.columns}
    assert {param.name: param.default for param in signature.params} == {
        "as_of": None,
        "horizon_days": 28,
        "top": 5,
    }
    answer = loaded.predict(scored_shop.frames()["orders"], {"as_of": AS_OF_TEXT})
    assert set(signature.outputs.input_names()) <= set(answer.columns)


def test_as_of_left_out_is_asked_for(loaded: Any) -> None:
    with pytest.raises(DataError, match="no as_of"):
        loaded.predict(scored_shop.frames()["orders"])


def test_a_shop_without_products_has_a_model_in_mlflow_too(tmp_path: Path, tracking_store: str) -> None:
    """Only who orders when is known, and that is answered."""
    import mlflow

    lines = scored_shop.frames()["orders"].drop(columns="product_id")
    log = im.read_tables({"orders": lines})
    im.train(log, as_of=AS_OF_TEXT, settings=scored_shop.QUICK, out=tmp_path / "model")
    with tracking.open_run("train") as run:
        logged = run.model(tmp_path / "model")
    mlflow.set_tracking_uri(tracking_store)
    loaded = mlflow.pyfunc.load_model(logged)
    assert "product_id" not in loaded.input_example
    answer = loaded.predict(lines, {"as_of": AS_OF_TEXT})
    assert answer["churn_probability"].between(0, 1).all()
    assert not any(answer["interests"])
