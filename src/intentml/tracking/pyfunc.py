"""A model folder as MLflow's own kind of model, so that MLflow loads, serves and versions it.

What comes in: a model folder, and the products that it knows. What goes out: a pyfunc folder: the
model folder untouched, `mlflow_model.py` (models from code: nothing is pickled), a signature and an
input example, whose customers are invented.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from intentml.shipped import shipped_path
from intentml.tables.contracts import ORDERS
from intentml.version import __version__

if TYPE_CHECKING:
    import pandas as pd

MODEL_FOLDER = "artifacts/model"
"""Where the model folder lies inside the pyfunc folder: under `artifacts`, by its key in `save_pyfunc`."""

_EXAMPLE_AGES_DAYS = (40, 12, 5)


def save_pyfunc(folder: Path, products: pd.DataFrame | None, place: Path, about: Any) -> None:
    """Write the pyfunc folder.

    Args:
        folder: The model folder.
        products: product_id, name, category, category_path, brand of every product known; None
            where the shop names none.
        place: Where to; must not exist.
        about: MLflow's description of the model, with the ids of the run and of the model.
    """
    import mlflow

    trained_until = json.loads((folder / "predictor.json").read_text())["trained_until"]
    with TemporaryDirectory(prefix="intentml-") as scratch:
        # MLflow keeps a folder's own name and follows no links.
        artifacts = {"model": str(shutil.copytree(folder, Path(scratch) / "model"))}
        if products is not None:
            artifacts["products"] = str(Path(scratch) / "products.parquet")
            products.to_parquet(artifacts["products"], index=False)
        mlflow.pyfunc.save_model(
            str(place),
            python_model=shipped_path("serving", "mlflow_model.py"),
            artifacts=artifacts,
            signature=_signature(),
            input_example=(_example(products, trained_until), {"as_of": trained_until, "horizon_days": 28}),
            pip_requirements=[f"intentml[tracking]=={__version__}"],
            mlflow_model=about,
        )


def _signature() -> Any:
    """Order lines in, customers out.

    The columns of the input have no type: an id may be text or a number, a time text or a timestamp, as
    in a file, and the table's contract checks them with better words than MLflow's. `as_of` has no
    default, here as everywhere.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, Object, Property

    untyped: Any = AnyType
    interest = Object(
        [
            Property("kind", DataType.string),
            Property("target", DataType.string),
            Property("probability", DataType.double),
        ]
    )
    predicted = ("churn_probability", "expected_orders", "expected_spend", "return_probability")
    return ModelSignature(
        inputs=Schema([ColSpec(untyped(), column.name, column.required) for column in ORDERS.columns]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "customer_id"),
                ColSpec(DataType.long, "orders"),
                *(ColSpec(DataType.double, name, required=False) for name in predicted),
                ColSpec(DataType.datetime, "expected_next_order_at", required=False),
                ColSpec(DataType.string, "lifecycle"),
                ColSpec(DataType.string, "importance"),
                ColSpec(Array(interest), "interests"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("as_of", DataType.string, None),
                ParamSpec("horizon_days", DataType.long, 28),
                ParamSpec("top", DataType.long, 5),
            ]
        ),
    )


def _example(products: pd.DataFrame | None, trained_until: str) -> pd.DataFrame:
    """Three lines of two invented customers, of products that the model knows."""
    import pandas as pd

    end = pd.Timestamp(trained_until)
    lines = pd.DataFrame(
        {
            "customer_id": ["customer-1", "customer-1", "customer-2"],
            "order_id": ["order-1", "order-2", "order-3"],
            "ordered_at": [(end - pd.Timedelta(days=days)).isoformat() for days in _EXAMPLE_AGES_DAYS],
            "quantity": [1, 2, 1],
            "unit_price": [2.5, 4.0, 2.5],
        }
    )
    if products is not None:
        lines["product_id"] = [products["product_id"].iloc[row % len(products)] for row in range(len(lines))]
    return lines
