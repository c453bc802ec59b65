//! Who held which address: instances and containers.

use super::{Gateways, Ids, Networks};
use crate::inventory::{InventoryError, Notes, path::Path as Key, raw};
use std::{collections::BTreeMap, net::IpAddr};
use unmasq_model::{AssetId, ContainerFacts, Gateway, Holder, Realm, Span, Tenure};

/// Every tenure, in order of realm, address and time.
pub(super) fn tenures(
    raw: &raw::Inventory,
    networks: &Networks,
    gateways: &Gateways,
    notes: &Notes<'_>,
) -> Result<Vec<Tenure>, InventoryError> {
    let mut book = Book {
        networks,
        gateways: gateways.all.iter().map(|gateway| (gateway.name.as_str(), gateway)).collect(),
        shared: shared(gateways),
        notes,
        hosts: BTreeMap::new(),
        entries: Vec::new(),
    };
    let (mut ids, list) = (Ids::default(), Key::Root.key("instances"));
    for (ix, instance) in raw.instances.iter().enumerate() {
        ids.declare(list.item(ix), &instance.id, notes)?;
        book.instance(list.item(ix), instance)?;
    }
    let (mut ids, list) = (Ids::default(), Key::Root.key("containers"));
    for (ix, container) in raw.containers.iter().enumerate() {
        ids.declare(list.item(ix), &container.id, notes)?;
        book.container(list.item(ix), container)?;
    }
    Ok(book.close())
}

struct Book<'a> {
    networks: &'a Networks,
    gateways: BTreeMap<&'a str, &'a Gateway>,
    /// The public addresses that gateways share among machines.
    shared: BTreeMap<IpAddr, Vec<(&'a str, Span)>>,
    notes: &'a Notes<'a>,
    /// The instances that are declared, by id.
    hosts: BTreeMap<&'a str, Holder>,
    entries: Vec<Entry>,
}

fn shared(gateways: &Gateways) -> BTreeMap<IpAddr, Vec<(&str, Span)>> {
    let mut shared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for gateway in gateways.all.iter().filter(|gateway| gateway.outside_realm == Realm::public()) {
        for (ip, held) in &gateway.addresses {
            shared.entry(*ip).or_default().push((gateway.name.as_str(), *held));
        }
    }
    shared
}

/// A tenure, and the key that says so.
struct Entry {
    tenure: Tenure,
    key: String,
    at: usize,
}

impl<'a> Book<'a> {
    fn instance(&mut self, table: Key<'_>, raw: &'a raw::Instance) -> Result<(), InventoryError> {
        let life = self.notes.span(table, raw.from.as_ref(), raw.to.as_ref())?;
        let realm = self.networks.realm(table, raw.vpc.as_ref(), self.notes);
        let (account, region) =
            self.networks.owner(raw.account.as_ref(), raw.region.as_ref(), raw.vpc.as_ref());
        let holder = Holder {
            instance: AssetId::from(raw.id.as_str()),
            name: raw.name.as_deref().map(Into::into),
            realm: realm.clone(),
            account,
            region,
            agent: raw.agent,
            container: None,
        };
        let list = table.key("private_ips");
        for (ix, held) in raw.private_ips.iter().enumerate() {
            self.add(list.item(ix), &realm, held, life, &holder)?;
        }
        let list = table.key("public_ips");
        for (ix, held) in raw.public_ips.iter().enumerate() {
            let (ip, span) = self.add(list.item(ix), &Realm::public(), held, life, &holder)?;
            self.warn_of_sharing(list.item(ix), ip, span);
        }
        self.hosts.insert(&raw.id, holder);
        Ok(())
    }

    fn container(&mut self, table: Key<'_>, raw: &'a raw::Container) -> Result<(), InventoryError> {
        let node = raw.node.as_deref().and_then(|node| self.gateways.get(node).copied());
        let mut holder = self.host(table, raw, node)?;
        let realm = match (node, &raw.vpc) {
            (Some(gateway), _) => gateway.inside_realm.clone(),
            (None, Some(vpc)) => self.networks.named(table.key("vpc"), vpc, self.notes),
            (None, None) => holder.realm.clone(),
        };
        if let (None, None, Some(name)) = (node, &raw.vpc, &raw.node) {
            self.notes.odd(
                table.key("node"),
                format!("no gateway `{name}` is declared, so the address is taken for one of `{realm}`"),
            );
        }
        let text = |text: &Option<String>| text.as_deref().map(Into::into);
        holder.container = Some(ContainerFacts {
            id: raw.id.as_str().into(),
            name: text(&raw.name),
            pod: text(&raw.pod),
            namespace: text(&raw.namespace),
            image: text(&raw.image),
        });
        let life = self.notes.span(table, raw.from.as_ref(), raw.to.as_ref())?;
        if let Some(held) = &raw.ip {
            self.add(table.key("ip"), &realm, held, life, &holder)?;
        }
        Ok(())
    }

    /// The machine that a container runs on.
    fn host(
        &self,
        table: Key<'_>,
        raw: &raw::Container,
        node: Option<&Gateway>,
    ) -> Result<Holder, InventoryError> {
        let said =
            raw.instance.as_deref().or(node.and_then(|gateway| gateway.instance.as_ref()?.as_str().into()));
        let id =
            said.or(raw.node.as_deref().filter(|node| self.hosts.contains_key(node))).ok_or_else(|| {
                let why = "nothing says which machine it runs on; give its `instance`, or a `node` that is a \
                       gateway with an `instance`";
                self.notes.wrong(table, why)
            })?;
        if let Some(holder) = self.hosts.get(id) {
            return Ok(holder.clone());
        }
        self.notes.odd(table.key("instance"), format!("no instance `{id}` is declared"));
        let (account, region) = self.networks.owner(None, None, raw.vpc.as_ref());
        let realm = raw.vpc.as_deref().map_or_else(Realm::default_realm, Realm::from);
        let instance = AssetId::from(id);
        Ok(Holder { instance, name: None, realm, account, region, agent: None, container: None })
    }

    fn add(
        &mut self,
        key: Key<'_>,
        realm: &Realm,
        held: &raw::Held,
        life: Span,
        holder: &Holder,
    ) -> Result<(IpAddr, Span), InventoryError> {
        let (ip, span) = self.notes.held(key, held, life)?;
        self.entries.push(Entry {
            tenure: Tenure { realm: realm.clone(), ip, held: span, holder: holder.clone() },
            key: key.to_string(),
            at: self.notes.document.find(key).at,
        });
        Ok((ip, span))
    }

    fn warn_of_sharing(&self, key: Key<'_>, ip: IpAddr, span: Span) {
        let mut sharing = self.shared.get(&ip).into_iter().flatten();
        if let Some((gateway, _)) = sharing.find(|(_, held)| held.touches(span)) {
            let text =
                format!("{ip} is also an outside address of `{gateway}`: a shared address names nobody");
            self.notes.odd(key, text);
        }
    }

    /// Sorts the tenures, and warns of addresses that two hold at a time.
    fn close(mut self) -> Vec<Tenure> {
        let order = |entry: &Entry| (entry.tenure.ip, entry.tenure.held);
        self.entries.sort_by(|a, b| {
            (&a.tenure.realm, order(a), &a.tenure.holder).cmp(&(&b.tenure.realm, order(b), &b.tenure.holder))
        });
        let mut longest: Option<&Entry> = None;
        for entry in &self.entries {
            let place = |entry: &Entry| (entry.tenure.realm.clone(), entry.tenure.ip);
            match longest.filter(|before| place(before) == place(entry)) {
                Some(before) => {
                    self.warn_of_two_holders(before, entry);
                    if entry.tenure.held.to() > before.tenure.held.to() {
                        longest = Some(entry);
                    }
                }
                None => longest = Some(entry),
            }
        }
        self.entries.into_iter().map(|entry| entry.tenure).collect()
    }

    fn warn_of_two_holders(&self, before: &Entry, entry: &Entry) {
        // Where one ends and the next begins at the same moment, the two share just that.
        let shared = before.tenure.held.intersection(entry.tenure.held);
        let overlap = shared.is_some_and(|shared| shared.from() < shared.to());
        if overlap && before.tenure.holder != entry.tenure.holder {
            let Tenure { realm, ip, .. } = &entry.tenure;
            let text = format!(
                "{ip} in `{realm}` is also held by `{}` at that time; give each its `from` and `to`",
                before.key
            );
            self.notes.odd_at(entry.at, entry.key.clone(), text);
        }
    }
}
