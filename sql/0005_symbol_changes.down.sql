-- A schema without successors has no place for changes of symbols; the files they came from still have them.
DELETE FROM corporate_actions WHERE action = 'symbol_change';
DROP INDEX corporate_actions_one_change;
ALTER TABLE corporate_actions
    DROP CONSTRAINT corporate_actions_change, DROP CONSTRAINT corporate_actions_successor, DROP COLUMN successor;
