//! `clock/1`: what time it is, and timers.

use crate::{
    message::{Failure, Reply, from_json},
    moment,
    service::{Answer, Service, ServiceRequest},
};
use loader_contract::service::clock::{Now, SERVICE, Sleep, method};
use std::time::{Duration, Instant};

/// The clock of one engine. Its monotonic time counts from when it was made.
#[derive(Debug)]
pub struct Clock {
    made: Instant,
}

impl Clock {
    /// A clock that counts from now.
    pub fn new() -> Self {
        Self { made: Instant::now() }
    }

    fn now(&self) -> Result<Reply, Failure> {
        let monotonic = u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Reply::json(&Now { unix_ms: moment::now_ms(), monotonic_ns: monotonic })
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Service for Clock {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        match request.method.as_str() {
            method::NOW => self.now().into(),
            method::SLEEP => match from_json::<Sleep>(&request.body) {
                // Not bound by the deadline: whoever stops waiting drops the sleep.
                Ok(sleep) => Answer::later(async move {
                    tokio::time::sleep(Duration::from_millis(sleep.duration_ms)).await;
                    Ok(Reply::empty())
                }),
                Err(failure) => Answer::Ready(Err(failure)),
            },
            method => Answer::unimplemented(SERVICE, method),
        }
    }
}
