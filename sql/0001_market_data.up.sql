-- Instruments, bars with their history of corrections, corporate actions, and what was refused or is missing.
-- Text that is sorted or compared uses the "C" collation: code-point order on every server.

CREATE TABLE instruments (
    symbol text COLLATE "C" PRIMARY KEY,
    asset_class text NOT NULL CHECK (asset_class IN ('equity', 'crypto', 'fx')),
    calendar text NOT NULL,
    currency text NOT NULL,
    lots_per_unit bigint NOT NULL CHECK (lots_per_unit > 0),
    tick numeric NOT NULL CHECK (tick > 0),
    tick_below_one numeric NOT NULL CHECK (tick_below_one > 0)
);

-- stored_at is when this version of the bar became known.
CREATE TABLE market_data (
    symbol text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric,
    source text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT market_data_pkey PRIMARY KEY (symbol, timeframe, time),
    -- NaN sorts above infinity, so it fails these comparisons too.
    CONSTRAINT market_data_is_a_bar CHECK (
        low > 0 AND low <= open AND low <= close AND high >= open AND high >= close AND high < 'Infinity'
        AND volume >= 0 AND volume < 'Infinity'
    )
);

-- What market_data holds, kept by whoever stores bars: counting and finding the ends of a series must not read every bar.
CREATE TABLE bar_series (
    symbol text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    bars bigint NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    PRIMARY KEY (symbol, timeframe)
);

CREATE TABLE bar_revisions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric,
    source text NOT NULL,
    stored_at timestamptz NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bar_revisions_bar ON bar_revisions (symbol, timeframe, time);

-- Whoever changes a bar, its old values are kept.
CREATE FUNCTION keep_bar_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bar_revisions (symbol, timeframe, time, open, high, low, close, volume, source, stored_at)
    VALUES (OLD.symbol, OLD.timeframe, OLD.time, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume, OLD.source, OLD.stored_at);
    NEW.stored_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_bar_revision BEFORE UPDATE ON market_data FOR EACH ROW EXECUTE FUNCTION keep_bar_revision();

CREATE TABLE corporate_actions (
    symbol text COLLATE "C" NOT NULL,
    ex_date date NOT NULL,
    action text COLLATE "C" NOT NULL,
    value numeric NOT NULL,
    pay_date date,
    source text NOT NULL,
    PRIMARY KEY (symbol, ex_date, action)
);

CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    found_at timestamptz NOT NULL DEFAULT now(),
    source text NOT NULL DEFAULT '',
    symbol text COLLATE "C" NOT NULL DEFAULT '',
    timeframe text COLLATE "C" NOT NULL DEFAULT '',
    time timestamptz,
    "row" bigint,
    kind text NOT NULL,
    detail text NOT NULL DEFAULT '',
    raw jsonb NOT NULL DEFAULT '{}',
    -- A file read twice puts its bad rows here once.
    CONSTRAINT quarantine_once UNIQUE NULLS NOT DISTINCT (source, symbol, timeframe, time, "row", kind)
);

CREATE TABLE data_gaps (
    symbol text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    gap_start timestamptz NOT NULL,
    gap_end timestamptz NOT NULL,
    missing bigint NOT NULL DEFAULT 1,
    detail text NOT NULL DEFAULT '',
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, timeframe, gap_start)
);
