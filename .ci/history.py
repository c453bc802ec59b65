"""Holds what DuckDB and Polars read of a store against what DuckDB reads of the log; run by .ci/history."""

import json

import duckdb
import polars

LOG = """
    select instance as gateway, vpc_id as realm, count(*) as sessions, sum(pri_port) as inside_ports,
        sum(start_time) as starts
    from read_json('sessions.jsonl') group by all order by all
"""
# As docs/store.md has it: each session once, however many hours it touches.
STORE = """
    select gateway, realm, count(*) as sessions, sum(inside_port) as inside_ports,
        sum(epoch(start)::bigint) as starts
    from 'history/hours/*.parquet' where hour in (floor(epoch(start) / 3600), 2147483647) group by all order by all
"""
log = duckdb.sql(LOG).fetchall()
store = duckdb.sql(STORE).fetchall()
assert log == store, (log[:3], store[:3])

start = polars.col("start").dt.epoch("s")
rows = (
    polars.scan_parquet("history/hours/*.parquet")
    .filter((polars.col("hour") == start // 3600) | (polars.col("hour") == 2147483647))
    .group_by("gateway", "realm")
    .agg(
        sessions=polars.len().cast(polars.Int64),
        inside_ports=polars.col("inside_port").cast(polars.Int64).sum(),
        starts=start.sum(),
    )
    .sort("gateway", "realm")
    .collect()
    .rows()
)
assert rows == log, (rows[:3], log[:3])

found = duckdb.sql("select count(*) from read_json('lab-history/records/*.jsonl.zst')").fetchall()
with open("stats.json", encoding="utf-8") as file:
    others = json.load(file)["others"]
assert found == [(others,)], (found, others)
print(f"{sum(row[2] for row in log)} sessions and {others} other records: DuckDB and Polars read what was imported")
