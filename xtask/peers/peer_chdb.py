"""The task in chDB (ClickHouse in the process): both inputs as tables in memory, then a range join."""

from chdb import session
from peer_common import nearest, task

task = task()
texts = ("pri_ip", "pub_ip", "nat_ip")
columns = {
    "protocol": "UInt8", "pri_ip": "String", "pri_port": "UInt16", "pub_ip": "String", "pub_port": "UInt16",
    "nat_ip": "String", "nat_port": "UInt16", "start_time": "UInt32", "end_time": "UInt32",
}
alert_columns = {
    "timestamp": "String", "flow_id": "UInt64", "src_ip": "String", "src_port": "UInt16", "dest_ip": "String",
    "dest_port": "UInt16", "proto": "String",
}

db = session.Session(task.scratch + "/chdb")
db.query("create database bench engine = Atomic")
db.query("use bench")

# ClickHouse reads numbers that are written as texts in JSON into columns of numbers by itself.
form = "CSVWithNames" if task.shape == "csv" else "JSONEachRow"


def structure(of):
    return ", ".join(f"{name} {kind}" for name, kind in of.items())


picked = ", ".join(f"toIPv4({name}) as {name}" if name in texts else name for name in columns)
db.query(f"""
    create table sessions engine = Memory as
    select {picked} from file('{task.sessions}', {form}, '{structure(columns)}')
    settings max_threads = 2, input_format_skip_unknown_fields = 1""")

db.query(f"""
    create table alerts engine = Memory as
    with read as (
        select flow_id, toFloat64(parseDateTime64BestEffort(timestamp, 6)) as ts,
               if(proto = 'TCP', 6, 17)::UInt8 as protocol,
               toIPv4(src_ip) as src_ip, src_port, toIPv4(dest_ip) as dest_ip, dest_port
        from file('{task.alerts}', JSONEachRow, '{structure(alert_columns)}'))
    select flow_id, ts, protocol, src_ip as nat_ip, src_port as nat_port,
           dest_ip as pub_ip, dest_port as pub_port
    from read
    union all
    select flow_id, ts, protocol, dest_ip, dest_port, src_ip, src_port from read
    settings input_format_skip_unknown_fields = 1""")

answers = nearest(
    # The right side is the one that is hashed, and the alerts are fewer.
    pairs="sessions s join alerts a",
    touches="a.ts >= s.start_time - 2 and a.ts <= s.end_time + 3",
    distance="greatest(toFloat64(s.start_time) - a.ts, a.ts - s.end_time - 1, 0)",
)
db.query(f"{answers} into outfile '{task.output}' format CSVWithNames settings max_threads = 2")
