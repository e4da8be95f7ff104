"""Panel pages and the HTTP interface: one web process that reads the database."""
