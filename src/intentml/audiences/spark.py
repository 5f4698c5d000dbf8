"""Rules on Spark: the same expressions, for shops whose tables live there.

What comes in: a Spark session. What goes out: an `Engine`. The session's zone is set to UTC: an instant is
the same on every engine. Needs the extra `spark` and a Java machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import ibis.expr.types as ir


class SparkEngine:
    """A Spark session.

    Args:
        session: Such as `SparkSession.builder.getOrCreate()` gives.
    """

    def __init__(self, session: Any) -> None:
        import ibis

        session.conf.set("spark.sql.session.timeZone", "UTC")
        self._session, self._backend = session, ibis.pyspark.connect(session)

    def table(self, name: str, content: pa.Table) -> ir.Table:
        """The content as a view of the session."""
        self._session.createDataFrame(content).createOrReplaceTempView(name)
        return self._backend.table(name)

    def kept(self, name: str, sql: str) -> ir.Table:
        """The answer, cached by Spark."""
        self._session.sql(sql).cache().createOrReplaceTempView(name)
        return self._backend.table(name)

    def drop(self, name: str) -> None:
        """Its rows are no longer cached."""
        self._session.catalog.uncacheTable(name)
        self._session.catalog.dropTempView(name)

    def sql(self, expression: ir.Expr) -> str:
        """Spark's SQL."""
        return str(self._backend.compile(expression))

    def arrow(self, sql: str) -> pa.Table:
        """The answer."""
        answer: pa.Table = self._session.sql(sql).toArrow()
        return answer
