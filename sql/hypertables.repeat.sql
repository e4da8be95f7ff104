-- Applied after every migration: makes hypertables where the server offers TimescaleDB, in either edition.
-- A server that gains the extension later is converted, with its rows, by the next start.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
        OR current_setting('shared_preload_libraries') NOT LIKE '%timescaledb%' THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        BEGIN
            CREATE EXTENSION timescaledb;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'TimescaleDB is there, but this role may not create the extension: tables stay ordinary ones';
            RETURN;
        END;
    END IF;
    PERFORM create_hypertable('market_data', 'time', chunk_time_interval => interval '7 days',
        create_default_indexes => false, if_not_exists => true, migrate_data => true);
    PERFORM create_hypertable('equity', 'time', chunk_time_interval => interval '1 year',
        create_default_indexes => false, if_not_exists => true, migrate_data => true);
    PERFORM create_hypertable('strategy_performance', 'time', chunk_time_interval => interval '90 days',
        create_default_indexes => false, if_not_exists => true, migrate_data => true);
END
$$;
