"""Where Alembic finds the database: in what `framework.database` gives."""

from alembic import context

from registry.tables import metadata

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=metadata,
    version_table=attributes["version_table"],
)
context.run_migrations()
