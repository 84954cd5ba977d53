//! What other plugins would do: tools, pages of the web, channels.

use super::{nothing_to_say, unknown};
use loader_abi::class;
use loader_contract::{
    channel::{self, AccountStatus, InboundMessage, SendText, Sent, inbox},
    tool::{self, CallTool, ListedTool, ToolAnswer, ToolDescription, ToolList},
    web_fetch::{self, FetchPage, Page, code},
};
use loader_core::{
    address,
    message::{Failure, Reply, from_json},
    service::ServiceRequest,
};
use serde_json::json;

/// Whatever a tool is called, it does what it is told.
pub(super) fn tool(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        tool::method::LIST => Reply::json(&ToolList::default()),
        tool::method::DESCRIBE => {
            let asked: Option<CallTool> = from_json(&request.body)?;
            let parameters = json!({ "type": "object" });
            Reply::json(&ListedTool {
                name: asked.unwrap_or_default().tool,
                description: ToolDescription { parameters, ..ToolDescription::default() },
                ..ListedTool::default()
            })
        }
        tool::method::CALL => Reply::json(&ToolAnswer::done("done")),
        _ => Err(unknown(request)),
    }
}

/// A page with nothing but its own address on it.
pub(super) fn fetch(request: &ServiceRequest) -> Result<Reply, Failure> {
    if request.method != web_fetch::method::FETCH {
        return Err(unknown(request));
    }
    let request: FetchPage = from_json(&request.body)?;
    let refused = |refusal: address::Refusal| {
        let (class, code) = match refusal.is_address {
            true => (class::FORBIDDEN, code::URL_FORBIDDEN),
            false => (class::INVALID, code::URL_INVALID),
        };
        Failure::new(class, code, refusal.message)
    };
    let url = String::from(address::read(&request.url, false).map_err(refused)?);
    Reply::json(&Page {
        url: url.clone(),
        status: 200,
        content: url,
        content_type: web_fetch::PageFormat::Text.media_type().into(),
        ..Page::default()
    })
}

pub(super) fn channel(request: &ServiceRequest) -> Result<Reply, Failure> {
    if request.method != channel::method::SEND {
        return Err(unknown(request));
    }
    let asked: SendText = from_json(&request.body)?;
    match asked.text.trim() {
        "" => Err(nothing_to_say()),
        _ => Reply::json(&Sent { message_ids: Vec::new(), pieces: 1 }),
    }
}

/// Takes what the plugin reports of its own channels.
pub(super) fn inbox(request: &ServiceRequest, own: &[String]) -> Result<Reply, Failure> {
    let channel = match request.method.as_str() {
        inbox::DELIVER => from_json::<InboundMessage>(&request.body)?.channel,
        inbox::STATUS => from_json::<AccountStatus>(&request.body)?.channel,
        _ => return Err(unknown(request)),
    };
    let is_meant = match own {
        [_] if channel.is_empty() => true,
        own => own.contains(&channel),
    };
    if is_meant {
        return Reply::json(&());
    }
    let message = format!(
        "the plugin `{}` speaks of the channel `{}`, and provides {}",
        request.caller.plugin,
        channel.escape_debug(),
        if own.is_empty() { "none".to_owned() } else { own.join(", ") }
    );
    Err(Failure::new(class::FORBIDDEN, "LDR-CHANNEL-FOREIGN", message))
}
