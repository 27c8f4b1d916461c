"""The table of events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "registry_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("alias", sa.String(16), nullable=True),
        sa.Column("before", sa.String(256), nullable=True),
        sa.Column("after", sa.String(256), nullable=False),
        sa.Column("who", sa.String(256), nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=True),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.create_index("registry_events_of_model", "registry_events", ["model", "id"])


def downgrade() -> None:
    """Deletes the table, and the whole history with it."""
    op.drop_table("registry_events")
