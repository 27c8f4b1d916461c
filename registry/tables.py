"""The table of events, as the last migration leaves it."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

EVENTS = Table(
    "registry_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    # What changed hands; none of a version that only became known.
    Column("alias", String(16), nullable=True),
    Column("before", String(256), nullable=True),
    Column("after", String(256), nullable=False),
    Column("who", String(256), nullable=False),
    # Microseconds since 1970, exact in every database.
    Column("time", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("gate", Text, nullable=True),  # JSON
    Column("files", Text, nullable=False),  # JSON: file → SHA-256
    # Of the live requests, for a shadow or canary.
    Column("share", Float, nullable=True),
)
"""Everything that ever happened; nothing is changed or deleted."""

Index("registry_events_of_model", EVENTS.c.model, EVENTS.c.id)
