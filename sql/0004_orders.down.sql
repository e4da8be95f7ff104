-- Orders that never had a lot never had a fill either; the journal still has them.
DELETE FROM orders WHERE lots = 0;
ALTER TABLE orders DROP CONSTRAINT orders_lots_check;
ALTER TABLE orders ADD CONSTRAINT orders_lots_check CHECK (lots > 0);
ALTER TABLE orders
    DROP COLUMN stop_price, DROP COLUMN trail, DROP COLUMN watermark, DROP COLUMN place, DROP COLUMN parent,
    DROP COLUMN order_group, DROP COLUMN tag;
