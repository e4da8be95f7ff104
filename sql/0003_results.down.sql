DROP TABLE strategy_performance;
DROP TABLE system_events, backtest_equity, backtest_trades, backtest_fills, backtests;
