"""The tables of labels, as the last migration leaves them."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()


def _columns() -> list[Column[str] | Column[int]]:
    return [
        Column("prediction_id", String(128), primary_key=True),
        Column("row", Integer, primary_key=True, autoincrement=False),
        # Of label, time and source: the same label again is the same line.
        Column("digest", String(32), primary_key=True),
        Column("model", String(128), nullable=False),
        Column("label", Text, nullable=False),  # JSON
        # Microseconds since 1970, exact in every database; none if nobody said when.
        Column("time", BigInteger, nullable=True),
        Column("source", String(128), nullable=False),
        Column("received", BigInteger, nullable=False),
    ]


LABELS = Table("labels", metadata, *_columns())
"""Labels of rows that are in the record, or were."""

UNKNOWN = Table(
    "unknown_labels",
    metadata,
    *_columns(),
    # When the record was last looked through for the row.
    Column("looked", BigInteger, nullable=False),
)
"""Labels of rows that are not in the record so far."""

SHARED = [column.name for column in LABELS.columns]

Index("labels_of_model", LABELS.c.model, LABELS.c.received)
Index("unknown_labels_of_model", UNKNOWN.c.model, UNKNOWN.c.looked)
