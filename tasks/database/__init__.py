"""PostgreSQL: the embedded server, connections, migrations, and what is stored: bars, results, journal, commands."""
