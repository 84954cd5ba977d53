//! What the host serves in a test, service by service: what the gateway does.

use loader_contract::{
    background_service,
    catalogue::Verb,
    channel, chat_command, cli_command, hook, scheduled_task,
    service::{clock, config, events, http_client, kv, net, secrets, websocket},
    speech, text_inference, tool, web_fetch,
};
use loader_core::{diagnostic::Diagnostic, nearest::nearest};

/// One service, or one contract that the host answers itself.
pub(crate) struct Served {
    pub(crate) name: &'static str,
    /// The methods that one value answers.
    calls: &'static [&'static str],
    /// The methods that messages answer.
    streams: &'static [&'static str],
}

const fn served(
    name: &'static str,
    calls: &'static [&'static str],
    streams: &'static [&'static str],
) -> Served {
    Served { name, calls, streams }
}

/// Everything that is served.
pub(crate) const ALL: [Served; 19] = [
    served(clock::SERVICE, &[clock::method::NOW, clock::method::SLEEP], &[]),
    served(config::SERVICE, &[config::method::GET], &[]),
    served(secrets::SERVICE, &[secrets::method::GET], &[]),
    served(
        kv::SERVICE,
        &[kv::method::GET, kv::method::PUT, kv::method::DELETE, kv::method::LIST],
        &[],
    ),
    served(events::SERVICE, &[events::method::PUBLISH], &[events::method::SUBSCRIBE]),
    served(http_client::SERVICE, &[http_client::method::FETCH], &[http_client::method::STREAM]),
    served(net::SERVICE, &[net::method::CLOSE], &[net::method::CONNECT]),
    served(websocket::SERVICE, &[], &[websocket::method::CONNECT]),
    served(channel::INBOX, &[channel::inbox::DELIVER, channel::inbox::STATUS], &[]),
    served(channel::CONTRACT, &[channel::method::SEND], &[]),
    served(
        text_inference::CONTRACT,
        &[text_inference::method::MODELS, text_inference::method::GENERATE],
        &[text_inference::method::STREAM],
    ),
    served(hook::CONTRACT, &[hook::method::LIST, hook::method::FIRE], &[]),
    served(tool::CONTRACT, &[tool::method::LIST, tool::method::DESCRIBE, tool::method::CALL], &[]),
    served(
        speech::CONTRACT,
        &[speech::method::VOICES, speech::method::PROVIDERS],
        &[speech::method::SYNTHESIZE, speech::method::TELEPHONY],
    ),
    served(web_fetch::CONTRACT, &[web_fetch::method::FETCH], &[]),
    served(chat_command::CONTRACT, &[chat_command::method::RUN], &[]),
    served(cli_command::CONTRACT, &[], &[cli_command::method::RUN]),
    served(background_service::CONTRACT, &[background_service::method::LIST], &[]),
    served(
        scheduled_task::CONTRACT,
        &[scheduled_task::method::LIST, scheduled_task::method::PLAN, scheduled_task::method::RUN],
        &[],
    ),
];

/// The services and contracts that the host serves in a test.
pub fn services() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|one| one.name)
}

/// Whether a test can answer for this method in this way.
pub(crate) fn require(service: &str, method: &str, verb: Verb) -> Result<(), Diagnostic> {
    let Some(served) = ALL.iter().find(|one| one.name == service) else {
        return Err(no_service(service));
    };
    if service == http_client::SERVICE {
        let message = format!("an answer of `{service}` has a status and headers");
        return Err(Diagnostic::error("LDR-TEST-ANSWER", message)
            .hint("give it by its address: `fetches(url, status, body)`, or `fetches_with`"));
    }
    let (own, other) = match verb {
        Verb::Call => (served.calls, served.streams),
        Verb::Open => (served.streams, served.calls),
    };
    if own.contains(&method) {
        return Ok(());
    }
    if !other.contains(&method) {
        return Err(no_method(served, method));
    }
    let (message, hint) = match verb {
        Verb::Call => ("has the form of a stream", "answer it with `answers_stream`"),
        Verb::Open => ("is called, and answered with one value", "answer it with `answers`"),
    };
    Err(Diagnostic::error("LDR-TEST-ANSWER", format!("`{service}/{method}` {message}")).hint(hint))
}

fn no_service(name: &str) -> Diagnostic {
    let message =
        format!("the test answers for `{}`, which the host does not serve", name.escape_debug());
    let hint = meant(name, &services().collect::<Vec<_>>());
    Diagnostic::error("LDR-TEST-SERVICE", message).hint(hint)
}

fn no_method(served: &Served, method: &str) -> Diagnostic {
    let name = served.name;
    let message = format!(
        "the test answers for `{name}/{}`, which the host does not serve",
        method.escape_debug()
    );
    let hint = meant(method, &[served.calls, served.streams].concat());
    Diagnostic::error("LDR-TEST-METHOD", message).hint(hint)
}

fn meant(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("name one of {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loader_contract::catalogue;

    #[test]
    fn methods_are_those_of_the_contracts_and_asked_in_their_way() {
        for Served { name, calls, streams } in ALL {
            let Some(contract) = catalogue::find(name) else { continue };
            let of =
                |methods: &'static [&'static str], verb| methods.iter().map(move |it| (it, verb));
            for (method, verb) in of(calls, Verb::Call).chain(of(streams, Verb::Open)) {
                let known = contract.host_method(method).expect(method);
                // It is opened because it may be long, and one value all the same.
                let is_long = (name, *method) == (text_inference::CONTRACT, "generate");
                assert!(known.verb == verb || is_long, "{name}/{method}");
            }
            let own = contract.host_methods.iter().map(|method| method.name);
            for method in own {
                assert!(calls.contains(&method) || streams.contains(&method), "{name}/{method}");
            }
        }
    }
}
