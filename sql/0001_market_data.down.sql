-- A hypertable can only be dropped alone.
DROP TABLE market_data;
DROP TABLE data_gaps, quarantine, corporate_actions, bar_revisions, bar_series, instruments;
DROP FUNCTION keep_bar_revision();
