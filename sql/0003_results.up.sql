-- Stored back-tests, the strategies' performance over time, and what a person must see.

-- document is json, not jsonb: a stored result is shown again as it was.
CREATE TABLE backtests (
    id text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    origin text NOT NULL,
    strategy text NOT NULL,
    symbols jsonb NOT NULL,
    timeframe text NOT NULL,
    start_time timestamptz,
    end_time timestamptz,
    initial_cash numeric,
    final_equity numeric,
    total_return double precision,
    sharpe double precision,
    max_drawdown double precision,
    document json NOT NULL
);
CREATE INDEX backtests_created ON backtests (created_at);

CREATE TABLE backtest_fills (
    backtest_id text COLLATE "C" NOT NULL REFERENCES backtests (id) ON DELETE CASCADE,
    number integer NOT NULL,
    time timestamptz NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    side text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    fee numeric NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (backtest_id, number)
);

CREATE TABLE backtest_trades (
    backtest_id text COLLATE "C" NOT NULL REFERENCES backtests (id) ON DELETE CASCADE,
    number integer NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    side text NOT NULL,
    quantity numeric NOT NULL,
    entry_time timestamptz NOT NULL,
    entry_price numeric NOT NULL,
    exit_time timestamptz NOT NULL,
    exit_price numeric NOT NULL,
    fees numeric NOT NULL,
    pnl numeric NOT NULL,
    "return" double precision,
    reason text NOT NULL,
    PRIMARY KEY (backtest_id, number)
);

-- time is the start of the bar, as in the result; number is the order of the closes. Without a reference to backtests: its check
-- would cost more than the rows.
CREATE TABLE backtest_equity (
    backtest_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    time timestamptz NOT NULL,
    equity numeric NOT NULL,
    cash numeric NOT NULL,
    PRIMARY KEY (backtest_id, number)
);

CREATE TABLE strategy_performance (
    time timestamptz NOT NULL,
    strategy_name text COLLATE "C" NOT NULL,
    total_return numeric,
    sharpe_ratio numeric,
    max_drawdown numeric,
    win_rate numeric,
    CONSTRAINT strategy_performance_pkey PRIMARY KEY (time, strategy_name)
);
CREATE INDEX strategy_performance_name ON strategy_performance (strategy_name, time DESC);

CREATE TABLE system_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL,
    module text NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX system_events_timestamp ON system_events ("timestamp");
