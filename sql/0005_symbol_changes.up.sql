-- A change of symbol names what the share is called from its ex-date on. A symbol changes once.
ALTER TABLE corporate_actions ADD COLUMN successor text COLLATE "C";
ALTER TABLE corporate_actions
    ADD CONSTRAINT corporate_actions_successor CHECK ((action = 'symbol_change') = (successor IS NOT NULL)),
    ADD CONSTRAINT corporate_actions_change CHECK (action <> 'symbol_change' OR (value = 1 AND successor <> symbol));
CREATE UNIQUE INDEX corporate_actions_one_change ON corporate_actions (symbol) WHERE action = 'symbol_change';
