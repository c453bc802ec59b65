//! What operators ask for is done.

use super::Desk;
use crate::{
    NodeError,
    knowledge::chain,
    serve::{
        gateways::log_time,
        message::{Asked, Done, Refused},
    },
};
use std::time::Duration;
use unmasq_model::{LogTime, Span};
use unmasq_work::{Act, Turned};

/// No clock of a detector is farther ahead.
const SKEW: Duration = Duration::from_secs(600);

impl Desk<'_> {
    /// Does what is asked, unless it makes no sense.
    pub(super) fn answer(&mut self, asked: &Asked, who: &str) -> Result<Done, Refused> {
        let now = self.shared.clock.now();
        let failed = |error: NodeError| {
            self.shared.counters.errors.add(1);
            tracing::error!("{}", chain(&error));
            Refused::Failed
        };
        match asked {
            Asked::Switch { gateway, class, on } => {
                self.registry.check(&self.knowledge, gateway, *on)?;
                let at = log_time(now);
                if self.registry.is_so(gateway, *class, *on) {
                    return Ok(Done::Switched(at));
                }
                let act = Act::Switch { gateway: gateway.clone(), class: *class, on: *on, at };
                self.work.act(&act, who, now).map_err(NodeError::Work).map_err(failed)?;
                let turned = Turned { class: *class, at, on: *on, who: who.to_owned() };
                self.registry.turned(&mut self.knowledge, gateway, turned);
                self.show();
                // It counts from now on: that concerns those that came just now, and those whose clocks are ahead.
                self.open.trace_newest_again(now.minus(SKEW));
                self.open.trace_unsettled_again(Span::between(at, LogTime::FOREVER));
                self.old.unsettled_again(Span::between(at, LogTime::FOREVER));
                tracing::info!(gateway = gateway.as_str(), class = class.name(), on, who, "switched");
                Ok(Done::Switched(at))
            }
            Asked::Backfill { from, to } => {
                let act = Act::Backfill { from: *from, to: *to };
                let concerned = self.work.act(&act, who, now).map_err(NodeError::Work).map_err(failed)?;
                let alerts = concerned.len() as u64;
                for number in &concerned {
                    if self.open.holds(*number) {
                        continue;
                    }
                    // It is marked for good: whoever cannot be opened now is when the service begins anew.
                    match self.work.last_said(number.saturating_sub(1), 1).map_err(NodeError::Work) {
                        Ok(last) => last.iter().for_each(|alert| self.open_again(alert)),
                        Err(error) => tracing::error!("{}", chain(&error)),
                    }
                }
                self.open.trace_again(concerned);
                tracing::info!(alerts, who, "alerts are traced regardless of switches");
                Ok(Done::Backfilled(alerts))
            }
        }
    }
}
