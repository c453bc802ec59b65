"""The task in Polars: both inputs as frames, with only the columns that are needed, an equi-join, the range."""

import polars as pl
from peer_common import task

task = task()
columns = {
    "protocol": pl.UInt8, "pri_ip": pl.String, "pri_port": pl.Int32, "pub_ip": pl.String,
    "pub_port": pl.Int32, "nat_ip": pl.String, "nat_port": pl.Int32, "start_time": pl.Int64,
    "end_time": pl.Int64,
}

if task.shape == "csv":
    sessions = pl.scan_csv(task.sessions)
else:
    number = pl.String if task.shape == "sls" else pl.Int64
    read_as = {name: pl.String if kind == pl.String else number for name, kind in columns.items()}
    sessions = pl.scan_ndjson(task.sessions, schema=read_as)
sessions = sessions.select([pl.col(name).cast(kind) for name, kind in columns.items()]).collect()

alerts = pl.scan_ndjson(task.alerts, schema={
    "timestamp": pl.String, "flow_id": pl.Int64, "src_ip": pl.String, "src_port": pl.Int64,
    "dest_ip": pl.String, "dest_port": pl.Int64, "proto": pl.String,
})
alerts = alerts.with_columns(
    pl.col("src_port", "dest_port").cast(pl.Int32),
    ts=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f%z").dt.epoch("us"),
    protocol=pl.when(pl.col("proto") == "TCP").then(6).otherwise(17).cast(pl.UInt8),
)
outside, remote = ["nat_ip", "nat_port"], ["pub_ip", "pub_port"]


def seen(source, destination):
    """The alerts, their source and destination called so."""
    names = zip(["src_ip", "src_port", "dest_ip", "dest_port"], source + destination)
    return alerts.select("flow_id", "ts", "protocol", *[pl.col(theirs).alias(ours) for theirs, ours in names])


both_ways = pl.concat([seen(outside, remote), seen(remote, outside)], how="diagonal").collect()
pairs = both_ways.lazy().join(
    sessions.lazy().with_columns(start=pl.col("start_time") * 1_000_000, end=pl.col("end_time") * 1_000_000),
    on=["protocol", *outside, *remote],
)
touching = pairs.filter(pl.col("ts").is_between(pl.col("start") - 2_000_000, pl.col("end") + 3_000_000))
distance = pl.max_horizontal(pl.col("start") - pl.col("ts"), pl.col("ts") - pl.col("end") - 1_000_000, 0)
answers = (
    touching.with_columns(distance=distance)
    .sort(["flow_id", "distance", "start"], descending=[False, False, True])
    .unique("flow_id", keep="first")
    .select("flow_id", pl.col("pri_ip").alias("inside_ip"), pl.col("pri_port").alias("inside_port"))
)
answers.collect().write_csv(task.output)
