"""What the peers share: their arguments, and the join that each of them is asked for.

A session counts for an alert if it is about the same five-tuple, either way round, and the alert lies between
two seconds before its start and two seconds after its end; a session's last second is whole. The nearest is the
answer, of equally near ones the one that began last.
"""

import argparse


def task():
    """--sessions FILE --shape json|sls|csv --alerts FILE --output FILE --scratch FOLDER"""
    arguments = argparse.ArgumentParser()
    for name in ("sessions", "shape", "alerts", "output", "scratch"):
        arguments.add_argument("--" + name, required=True)
    return arguments.parse_args()


def nearest(pairs, touches, distance):
    """The join in SQL. `pairs` joins sessions `s` with alerts `a` up to its `on`; the rest are conditions."""
    return f"""
        select flow_id, inside_ip, inside_port from (
            select a.flow_id as flow_id, s.pri_ip as inside_ip, s.pri_port as inside_port,
                   row_number() over (partition by a.flow_id order by {distance}, s.start_time desc) as place
            from {pairs}
                on s.protocol = a.protocol and s.nat_ip = a.nat_ip and s.nat_port = a.nat_port
                and s.pub_ip = a.pub_ip and s.pub_port = a.pub_port
            where {touches}) answers
        where place = 1"""
