-- Orders that rest: what they wait for, and which others they depend on. Orders stored before have none of it.

-- stop_price is in the account's currency; trail a fraction of the watermark, the best price so far. place is the order's among
-- the resting orders of its symbol, parent the place of the order whose fills bring it to life, order_group joins those that
-- shrink each other, tag is the strategy's own number for it.
ALTER TABLE orders
    ADD COLUMN stop_price numeric,
    ADD COLUMN trail numeric,
    ADD COLUMN watermark numeric,
    ADD COLUMN place integer,
    ADD COLUMN parent integer,
    ADD COLUMN order_group bigint,
    ADD COLUMN tag bigint;

-- An order that waits for its parent to fill has no lots yet.
ALTER TABLE orders DROP CONSTRAINT orders_lots_check;
ALTER TABLE orders ADD CONSTRAINT orders_lots_check CHECK (lots >= 0);
