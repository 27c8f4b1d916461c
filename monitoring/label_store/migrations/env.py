"""Where Alembic finds the database: the connection that `monitoring.label_store.database` gives."""

from alembic import context

from monitoring.label_store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
