"""The share of live requests that a shadow or canary gets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("registry_events", sa.Column("share", sa.Float, nullable=True))


def downgrade() -> None:
    """Takes it away."""
    op.drop_column("registry_events", "share")
