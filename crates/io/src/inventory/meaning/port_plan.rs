//! Deterministic NAT (RFC 7422): which host owns which ports.

use crate::inventory::{InventoryError, Notes, path::Path as Key, raw};
use std::net::Ipv4Addr;
use unmasq_model::{Ipv4Ranges, PortOrder, PortPlan};

/// The plans of one gateway, in their order.
pub(super) fn all(
    list: Key<'_>,
    raw: &[raw::PortPlan],
    notes: &Notes<'_>,
) -> Result<Vec<PortPlan>, InventoryError> {
    raw.iter().enumerate().map(|(ix, raw)| plan(list.item(ix), raw, notes)).collect()
}

fn plan(table: Key<'_>, raw: &raw::PortPlan, notes: &Notes<'_>) -> Result<PortPlan, InventoryError> {
    let (first, last) = ports(&raw.ports).ok_or_else(|| {
        let why = format!("`{}` is not a range of ports such as `1024-65535`", raw.ports);
        notes.wrong(table.key("ports"), why)
    })?;
    let room = u32::from(last - first) + 1;
    if raw.ports_per_host == 0 || u32::from(raw.ports_per_host) > room {
        let why = format!("a host cannot own {} of {room} ports", raw.ports_per_host);
        return Err(notes.wrong(table.key("ports_per_host"), why));
    }
    let plan = PortPlan {
        inside: ranges(table.key("inside"), &raw.inside, notes)?,
        outside: ranges(table.key("outside"), &raw.outside, notes)?,
        ports: (first, last),
        block: raw.ports_per_host,
        order: match raw.order.as_deref() {
            None | Some("sequential") => PortOrder::Sequential,
            Some("striped") => PortOrder::Striped,
            Some(other) => {
                let why = format!("`{other}` is not an order; write `sequential` or `striped`");
                return Err(notes.wrong(table.key("order"), why));
            }
        },
        held: notes.span(table, raw.from.as_ref(), raw.to.as_ref())?,
        inventory: notes.name.clone(),
        path: table.to_string().into(),
    };
    let blocks = plan.outside.len() * u64::from(room / u32::from(plan.block));
    if blocks < plan.inside.len() {
        let text = format!("{blocks} blocks of ports are too few for {} hosts", plan.inside.len());
        notes.odd(table.key("inside"), text);
    }
    Ok(plan)
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// `a.b.c.d`, `a.b.c.d/len` or `a.b.c.d-e.f.g.h`, each once and in this order.
fn ranges(list: Key<'_>, raw: &[String], notes: &Notes<'_>) -> Result<Ipv4Ranges, InventoryError> {
    let ranges = raw.iter().enumerate().map(|(ix, text)| {
        range(text).ok_or_else(|| {
            let example = "`192.0.2.0/28`, `192.0.2.1-192.0.2.14` or `192.0.2.1`";
            notes.wrong(list.item(ix), format!("`{text}` is not a range of IPv4 addresses such as {example}"))
        })
    });
    let ranges: Vec<(Ipv4Addr, Ipv4Addr)> = ranges.collect::<Result<_, _>>()?;
    if ranges.is_empty() {
        return Err(notes.wrong(list, "it needs at least one range of addresses"));
    }
    Ipv4Ranges::new(ranges).ok_or_else(|| notes.wrong(list, "a range ends before it begins"))
}

fn range(text: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    if let Some((first, last)) = text.split_once('-') {
        let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (range.0 <= range.1).then_some(range);
    }
    let (ip, length) = text.split_once('/').unwrap_or((text, "32"));
    let (ip, length): (Ipv4Addr, u32) = (ip.trim().parse().ok()?, length.trim().parse().ok()?);
    let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
    (length <= 32)
        .then(|| (Ipv4Addr::from_bits(ip.to_bits() & !hosts), Ipv4Addr::from_bits(ip.to_bits() | hosts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_written_in_three_ways() {
        let told = |text: &str| range(text).map(|(first, last)| format!("{first}-{last}"));
        assert_eq!(told("192.0.2.16/28").as_deref(), Some("192.0.2.16-192.0.2.31"));
        assert_eq!(told("192.0.2.1 - 192.0.2.3").as_deref(), Some("192.0.2.1-192.0.2.3"));
        assert_eq!(told("192.0.2.1").as_deref(), Some("192.0.2.1-192.0.2.1"));
        assert_eq!(told("0.0.0.0/0").as_deref(), Some("0.0.0.0-255.255.255.255"));
        for text in ["192.0.2.3-192.0.2.1", "192.0.2.0/33", "2001:db8::/64", "", "-", "/"] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
