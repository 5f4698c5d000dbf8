"""The same rule gives the same people on DuckDB and on Spark."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from intentml.audiences.rule import rule_of
from intentml.audiences.selector import Selector
from intentml.audiences.text import text_of
from random_rules import AUDIENCES, random_rule, random_view

pytestmark = pytest.mark.slow
OTHERS = {name: rule_of(told) for name, told in AUDIENCES.items()}


@pytest.fixture(scope="module")
def session():
    sql = pytest.importorskip("pyspark.sql", reason="Spark comes with the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("Spark needs a Java machine")
    session = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "America/New_York")  # the engine must not mind
        .getOrCreate()
    )
    yield session
    session.stop()


def test_random_rules_find_the_same_people_on_both(session):
    from intentml.audiences.spark import SparkEngine

    for seed in range(2):
        rng = np.random.default_rng([3, seed])
        view = random_view(rng)
        duck, spark = Selector(view, OTHERS), Selector(view, OTHERS, SparkEngine(session))
        for _ in range(50):
            rule = random_rule(rng, depth=2)
            assert spark.rows(rule).tolist() == duck.rows(rule).tolist(), text_of(rule)
            assert spark.count(rule) == duck.count(rule)
