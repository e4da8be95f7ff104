-- The journal is the truth; orders, fills, positions and equity are projections of it, written in the same transaction.
-- Journal, orders and fills stay plain tables: a hypertable cannot carry their unique keys.

-- One row an account: who may write (epoch), and where the journal ends (last_seq, last_hash).
CREATE TABLE writers (
    account text COLLATE "C" PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,
    last_seq bigint NOT NULL DEFAULT 0,
    last_hash bytea NOT NULL DEFAULT '',
    holder text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE runs (
    run_id text COLLATE "C" PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('starting', 'trading', 'halted', 'finished', 'stopped')),
    configuration_sha text NOT NULL,
    configuration jsonb NOT NULL DEFAULT '{}',
    broker text NOT NULL,
    feed text NOT NULL,
    strategies jsonb NOT NULL DEFAULT '[]',
    initial_cash numeric NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    cursor_instant bigint,
    cursor_phase smallint,
    first_bar bigint,
    ledger_sha256 text,
    equity_sha256 text,
    prefect_runs jsonb NOT NULL DEFAULT '[]',
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX runs_unfinished ON runs (configuration_sha) WHERE state <> 'finished';
CREATE INDEX runs_created ON runs (created_at);

-- payload is json, not jsonb: the hash chain covers its exact text.
CREATE TABLE journal (
    account text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    run_id text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    version smallint NOT NULL DEFAULT 1,
    time timestamptz NOT NULL,
    type text NOT NULL,
    payload json NOT NULL,
    hash bytea NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, seq)
);
CREATE INDEX journal_run ON journal (run_id, seq);

-- client_order_id is the order's id in the domain; order_id is that id as a UUID.
CREATE TABLE orders (
    order_id uuid PRIMARY KEY,
    client_order_id text COLLATE "C" NOT NULL UNIQUE,
    account text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity numeric NOT NULL,
    order_type text NOT NULL,
    price numeric,
    status text NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    filled_at timestamptz,
    filled_price numeric,
    filled_quantity numeric NOT NULL DEFAULT 0,
    fees numeric NOT NULL DEFAULT 0,
    time_in_force text NOT NULL,
    reason text NOT NULL,
    message text NOT NULL DEFAULT '',
    broker_order_id text NOT NULL DEFAULT '',
    bar_time timestamptz NOT NULL,
    lots bigint NOT NULL CHECK (lots > 0),
    filled_lots bigint NOT NULL DEFAULT 0 CHECK (filled_lots >= 0),
    splits smallint NOT NULL DEFAULT 0
);
CREATE INDEX orders_symbol ON orders (symbol);
CREATE INDEX orders_strategy ON orders (strategy);
CREATE INDEX orders_created_at ON orders (created_at);
CREATE INDEX orders_run ON orders (run_id, created_at);

-- A fill is known by how much of its order is filled after it (in lots after so many splits), so it can be booked only once.
CREATE TABLE fills (
    order_id uuid NOT NULL REFERENCES orders (order_id),
    splits smallint NOT NULL,
    filled_lots bigint NOT NULL,
    account text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    time timestamptz NOT NULL,
    bar_time timestamptz NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity numeric NOT NULL,
    lots bigint NOT NULL CHECK (lots > 0),
    price numeric NOT NULL,
    fee numeric NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (order_id, splits, filled_lots)
);
CREATE UNIQUE INDEX fills_seq ON fills (account, seq);
CREATE INDEX fills_run ON fills (run_id, seq);

CREATE TABLE positions (
    account text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    average_price numeric NOT NULL,
    current_price numeric NOT NULL,
    unrealized_pnl numeric NOT NULL,
    realized_pnl numeric NOT NULL DEFAULT 0,
    last_updated timestamptz NOT NULL,
    lots bigint NOT NULL,
    PRIMARY KEY (account, symbol)
);
CREATE INDEX positions_run ON positions (run_id);

-- Of trading runs. time is the instant of the close: in a mixture of calendars the starts of the bars, bar_time, are neither
-- unique nor in order.
CREATE TABLE equity (
    run_id text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    equity numeric NOT NULL,
    cash numeric NOT NULL,
    bar_time timestamptz NOT NULL,
    CONSTRAINT equity_pkey PRIMARY KEY (run_id, time)
);

CREATE TABLE commands (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text COLLATE "C",
    type text NOT NULL,
    payload jsonb NOT NULL,
    who text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    result text
);
CREATE INDEX commands_pending ON commands (id) WHERE done_at IS NULL;
