"""The tables of labels, and of those whose rows are not known."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    _create("labels")
    _create("unknown_labels", sa.Column("looked", sa.BigInteger, nullable=False))
    op.create_index("labels_of_model", "labels", ["model", "received"])
    op.create_index("unknown_labels_of_model", "unknown_labels", ["model", "looked"])


def downgrade() -> None:
    """Deletes the tables, and all labels with them."""
    op.drop_table("unknown_labels")
    op.drop_table("labels")


def _create(name: str, *further: "sa.Column[int]") -> None:
    op.create_table(
        name,
        sa.Column("prediction_id", sa.String(128), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=True),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        *further,
    )
