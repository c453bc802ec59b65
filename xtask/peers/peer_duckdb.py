"""The task in DuckDB: both inputs as tables, with only the columns that are needed, then a range join."""

import duckdb
from peer_common import nearest, task

task = task()
columns = {
    "protocol": "UTINYINT", "pri_ip": "VARCHAR", "pri_port": "INTEGER", "pub_ip": "VARCHAR",
    "pub_port": "INTEGER", "nat_ip": "VARCHAR", "nat_port": "INTEGER", "start_time": "BIGINT",
    "end_time": "BIGINT",
}
alert_columns = {
    "timestamp": "VARCHAR", "flow_id": "BIGINT", "src_ip": "VARCHAR", "src_port": "INTEGER",
    "dest_ip": "VARCHAR", "dest_port": "INTEGER", "proto": "VARCHAR",
}

db = duckdb.connect(":memory:")
db.execute("set threads = 2")
# It may load in any order, which is faster.
db.execute("set preserve_insertion_order = false")

if task.shape == "csv":
    # Told what every column is, it need not look for itself.
    with open(task.sessions) as log:
        read_as = {name: columns.get(name, "VARCHAR") for name in log.readline().strip().split(",")}
    source = f"read_csv('{task.sessions}', header = true, auto_detect = false, columns = {read_as})"
else:
    read_as = {name: "VARCHAR" for name in columns} if task.shape == "sls" else columns
    source = f"read_json('{task.sessions}', format = 'newline_delimited', columns = {read_as})"
picked = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
db.execute(f"create table sessions as select {picked} from {source}")

db.execute(f"""
    create table alerts as
    with read as (
        select flow_id, epoch(strptime(timestamp, '%Y-%m-%dT%H:%M:%S.%f%z')) as ts,
               case proto when 'TCP' then 6 else 17 end::UTINYINT as protocol,
               src_ip, src_port, dest_ip, dest_port
        from read_json('{task.alerts}', format = 'newline_delimited', columns = {alert_columns}))
    select flow_id, ts, protocol, src_ip as nat_ip, src_port as nat_port,
           dest_ip as pub_ip, dest_port as pub_port
    from read
    union all
    select flow_id, ts, protocol, dest_ip, dest_port, src_ip, src_port from read""")

answers = nearest(
    pairs="alerts a join sessions s",
    touches="a.ts between s.start_time - 2 and s.end_time + 3",
    distance="greatest(s.start_time - a.ts, a.ts - s.end_time - 1, 0)",
)
db.execute(f"copy ({answers}) to '{task.output}' (format csv, header true)")
