"""Labels in a database: SQLite in the record's folder, or PostgreSQL."""
